"""Run on the machine, by its own Python: print the first scrape that has a line beginning with each word asked for.

Arguments: the address, with user and password if need be; the authority's certificate, or nothing; the words.
"""

import base64
import ssl
import sys
import time
import urllib.request
from urllib.parse import urlsplit

url, authority, *words = sys.argv[1:]
address = urlsplit(url)
request = urllib.request.Request(f"{address.scheme}://{address.hostname}:{address.port}/metrics")  # noqa: S310 - the caller chose it
if address.username:
    login = base64.b64encode(f"{address.username}:{address.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
context = ssl.create_default_context(cafile=authority) if authority else None
give_up = time.monotonic() + 60
text = "nothing answered"
while time.monotonic() < give_up:
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:  # noqa: S310 - the same
            text = answer.read().decode()
    except OSError as error:
        text = f"{error!r}"
    else:
        lines = text.splitlines()
        if all(any(line.startswith(word) for line in lines) for word in words):
            sys.stdout.write(text)
            sys.exit()
    time.sleep(0.05)
sys.exit(f"no scrape had {words}; the last: {text}")
