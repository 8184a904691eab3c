"""Signs with Akamai's own library. One JSON object in, one line out: the token.

edgeauth.py {"path", "is_url", "key", and of the library's settings those that are wanted}
"""

import json
import sys

from akamai.edgeauth import EdgeAuth

order = json.loads(sys.argv[1])
path = order.pop("path")
is_url = order.pop("is_url")
library = EdgeAuth(**order)
print(library.generate_url_token(path) if is_url else library.generate_acl_token(path))
