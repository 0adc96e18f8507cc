"""Fetch a URL twice, by urllib and by http.client, and print the checksums."""
import hashlib
import http.client
import sys
import urllib.parse
import urllib.request

url = sys.argv[1]
with urllib.request.urlopen(url) as reply:
    print("urllib", hashlib.file_digest(reply, "sha256").hexdigest()
          if hasattr(hashlib, "file_digest") else hashlib.sha256(reply.read()).hexdigest())

parts = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(parts.hostname, parts.port)
connection.request("GET", parts.path)
print("http.client", hashlib.sha256(connection.getresponse().read()).hexdigest())
connection.close()
