/* libFuzzer for a Python function: run(arguments, function) never returns.
 *
 * The compiled core brings its own coverage counters (build mode "fuzz").  Lines of Python code can be counted
 * too: while traced(function, argument) runs, each one executed is a counter more.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));

#define LINES 4096                       /* a power of two; two lines may share a counter */
__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t lines[LINES];

static PyObject *target;

static int run_one(const uint8_t *data, size_t size)
{
    PyObject *result = PyObject_CallFunction(target, "y#", (const char *)data, (Py_ssize_t)size);
    if (result == NULL) {
        PyErr_Print();
        abort();                         /* libFuzzer keeps the input and ends */
    }
    Py_DECREF(result);
    return 0;
}

static int count_line(PyObject *unused, PyFrameObject *frame, int what, PyObject *argument)
{
    if (what == PyTrace_LINE) {
        uint8_t *counter = &lines[PyFrame_GetLineNumber(frame) & (LINES - 1)];
        *counter += *counter != 255;
    }
    return 0;
}

static PyObject *traced(PyObject *self, PyObject *arguments)
{
    PyObject *function, *argument, *result;
    if (!PyArg_ParseTuple(arguments, "OO", &function, &argument))
        return NULL;
    PyEval_SetTrace(count_line, NULL);
    result = PyObject_CallOneArg(function, argument);
    PyEval_SetTrace(NULL, NULL);
    return result;
}

static PyObject *run(PyObject *self, PyObject *arguments)
{
    PyObject *list;
    if (!PyArg_ParseTuple(arguments, "O!O", &PyList_Type, &list, &target))
        return NULL;
    int argc = (int)PyList_GET_SIZE(list);
    char **argv = calloc((size_t)argc + 1, sizeof(char *));
    if (argv == NULL)
        return PyErr_NoMemory();
    for (int i = 0; i < argc; i++) {
        argv[i] = (char *)PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (argv[i] == NULL)
            return NULL;
    }
    exit(LLVMFuzzerRunDriver(&argc, &argv, run_one));
}

static PyMethodDef methods[] = {
    {"run", run, METH_VARARGS, "run(arguments, function): fuzz function(bytes) until libFuzzer ends."},
    {"traced", traced, METH_VARARGS, "traced(function, argument): call it and count its lines."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "driver", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_driver(void)
{
    return PyModule_Create(&module);
}
