"""A calculator by XML-RPC."""
import sys
import xmlrpc.client
from xmlrpc.server import SimpleXMLRPCServer

HOST = "127.0.0.1"

if sys.argv[1] == "serve":
    with SimpleXMLRPCServer((HOST, 0), logRequests=False) as server:
        server.register_function(pow, "power")
        server.register_introspection_functions()
        print(server.server_address[1], flush=True)
        server.serve_forever()
else:
    with xmlrpc.client.ServerProxy(f"http://{HOST}:{sys.argv[2]}") as calculator:
        print(calculator.power(2, 10), calculator.system.listMethods()[0])
        try:
            calculator.power("two", 10)
        except xmlrpc.client.Fault as fault:
            print("fault", fault.faultCode)
