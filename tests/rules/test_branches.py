"""The tool behind `tox -e branches` finds the decisions of the source in generated C, and no others."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "coverage"))

from branches import ABOVE_CORE, FOR_TESTS, Decision, describe, in_core, places
from test_layers import CARRIERS, LAYERS

C = '''
static int __pyx_f_some(int __pyx_v_a) {
  if (unlikely(!__pyx_v_self)) __PYX_ERR(0, 1, __pyx_L1_error)

  /* "cy/agenda.pyx":42
 *             child = 2 * index + 1             # <<<<<<<<<<<<<<
*/
  if (__pyx_t_3) {
  } else {
    goto __pyx_L7_bool_binop_done;
  }
  if (!__pyx_t_2) break;
  if (unlikely(__pyx_t_4 == ((int)-1))) __PYX_ERR(0, 43, __pyx_L1_error)
  if (unlikely(__pyx_t_4)) {
  if (likely(PyList_CheckExact(__pyx_t_1))) {
  __Pyx_XDECREF(__pyx_t_1);

  /* "cy/serial.pxd":9
*/
  } else if (__pyx_t_5) {
  for (__pyx_t_9 = 0; __pyx_t_9 < 8; __pyx_t_9+=1) {
  switch (__pyx_v_kind) {
  if (__pyx_optional_args) {

  /* "cy/reasm.pyx":59
 *     except MemoryError:             # <<<<<<<<<<<<<<
*/
  if (__pyx_t_8) {

  /* "cy/recvq.pyx":135
 *     def push_record(self, bytes data, int kind=0):             # <<<<<<<<<<<<<<
*/
  if (values[1]) {
}
  if (__pyx_t_1) {
'''


def test_decisions_of_generated_c():
    lines = C.splitlines()
    assert {lines[number - 1].strip(): decision for number, decision in places(lines).items()} == {
        "if (__pyx_t_3) {": (Decision("cy/agenda.pyx", 42, 0), False),
        "if (!__pyx_t_2) break;": (Decision("cy/agenda.pyx", 42, 1), True),
        "if (unlikely(__pyx_t_4)) {": (Decision("cy/agenda.pyx", 42, 2), False),
        "} else if (__pyx_t_5) {": (Decision("cy/serial.pxd", 9, 0), False),
        "for (__pyx_t_9 = 0; __pyx_t_9 < 8; __pyx_t_9+=1) {": (Decision("cy/serial.pxd", 9, 1), False),
        "switch (__pyx_v_kind) {": (Decision("cy/serial.pxd", 9, 2), False),
    }


def test_the_core_is_layers_0_to_3():
    for_tests = {Path(source).stem for source in FOR_TESTS}
    assert {name for name, layer in LAYERS.items() if layer >= CARRIERS} - for_tests == ABOVE_CORE
    assert in_core("cy/crc32c_impl.h") and in_core("cy/serial.pxd") and not in_core("cy/udp_impl.h")


def test_what_is_missing_is_named():
    assert "never true" in describe(Decision("cy/agenda.pyx", 1, 0), [0, 5])
    assert "never false" in describe(Decision("cy/agenda.pyx", 1, 0), [5, 0])
    assert "branches [1] of 3 never" in describe(Decision("cy/agenda.pyx", 1, 0), [5, 0, 1])
