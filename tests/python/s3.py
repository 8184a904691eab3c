"""An S3 server: python s3.py PORT. What it holds is gone with it."""

import sys

from moto.server import main

main(["-H", "127.0.0.1", "-p", sys.argv[1]])
