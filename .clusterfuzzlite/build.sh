#!/bin/sh -eu
exec fuzz/oss-fuzz/build.sh
