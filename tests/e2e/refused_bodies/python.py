import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

method, url, token = sys.argv[1:]
parts = urllib.parse.urlsplit(url)
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
chunks = (b" " * 100_000 for _ in range(200))

for name, body in [("2 MB", b" " * 2_000_000), ("20 MB", b" " * 20_000_000), ("20 MB in chunks", chunks)]:
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, parts.path, body, headers, encode_chunked=body is chunks)
    response = connection.getresponse()
    print(name, response.status, json.load(response)["type"])

try:
    urllib.request.urlopen(urllib.request.Request(url, b" " * 20_000_000, headers, method=method))
except urllib.error.HTTPError as error:
    print("urllib", error.code, json.load(error)["type"])
