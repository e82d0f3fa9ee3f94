#!/bin/sh
# Installs what "p4dev bench" needs beside p4dev, on Debian: clang, and libbpf's headers for the C programs.
set -eu
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q clang libbpf-dev
