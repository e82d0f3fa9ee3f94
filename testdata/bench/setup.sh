#!/bin/sh
# Installs what "p4dev bench" needs beside p4dev, on Debian: clang, libbpf's headers for the C programs, and the
# devlink command.
set -eu
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q clang libbpf-dev iproute2
