"""A WSGI application, and a client with a pool of connections."""
import sys

HOST = "127.0.0.1"


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}\n".encode()
    yield body


if sys.argv[1] == "serve":
    from gevent.pywsgi import WSGIServer

    server = WSGIServer((HOST, 0), application, log=None)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
else:
    import requests

    with requests.Session() as session:
        url = f"http://{HOST}:{sys.argv[2]}"
        print(session.get(url + "/first").text, end="")
        print(session.post(url + "/second", data="x" * 100_000).text.count("x"))
        print(session.get(url + "/third").text, end="")
