#!version:1.0.0.1
overwrite_mode = 1
include:config "02005e005301.cfg"
