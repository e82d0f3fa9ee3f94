# kernel.sh: a Debian kernel with its modules, and p4ref and netdevsim built for it. Sourced by run, which sets release
# and cache. Sets kernel_release, kernel_image and modules (a tree that depmod has seen).

metapackage=linux-image-$release-amd64
headers_metapackage=linux-headers-$release-amd64
if [ "$release" = 6.1 ]; then # what Debian 12 came with
	metapackage=linux-image-amd64 headers_metapackage=linux-headers-amd64
fi

# depends PACKAGE PREFIX: the package with that prefix that PACKAGE depends on.
depends() { apt-cache depends "$1" 2>/dev/null | sed -n "s/^ *Depends: \($2.*\)/\1/p" | head -1; }

# Two runs share the cache: one of them fills it.
exec 8>"$cache/lock"
flock 8
if [ -z "$(depends $metapackage linux-image-)" ]; then
	apt-get update -q >&2
fi
image=$(depends $metapackage linux-image-)
headers=$(depends $headers_metapackage linux-headers-)
[ -n "$image" ] && [ -n "$headers" ] || { echo "vm: no package $metapackage" >&2; exit 1; }
kernel_release=${image#linux-image-}
version=$(apt-cache policy "$image" | sed -n 's/^ *Candidate: //p')
kernel=$cache/$kernel_release-${version//[^A-Za-z0-9.+~-]/_}

# Header packages are not relocatable: their Makefile names where they would be installed.
unpack_kernel() {
	local dir=$1 common=${headers%-amd64}-common kbuild source=linux-source-$release
	kbuild=$(depends "$headers" linux-kbuild-)
	mkdir -p "$dir/deb" "$dir/source"
	(cd "$dir/deb" && apt-get -o APT::Sandbox::User=root download -q "$image" "$headers" "$common" "$kbuild" "$source" >&2)
	lap "packages downloaded"
	dpkg-deb --fsys-tarfile "$dir/deb/${image}"_*.deb | tar -x -C "$dir" ./boot ./lib/modules
	for p in "$headers" "$common" "$kbuild"; do dpkg-deb -x "$dir/deb/${p}"_*.deb "$dir"; done
	sed -i "s#/usr/src/#$kernel/usr/src/#" "$dir/usr/src/$headers/Makefile"
	dpkg-deb --fsys-tarfile "$dir/deb/${source}"_*.deb | tar -xO "./usr/src/$source.tar.xz" |
		xz -T0 -dc | tar -x -C "$dir/source" --strip-components=4 "$source/drivers/net/netdevsim"
	rm -r "$dir/deb"
	lap "packages unpacked"
}

# build DIR [VARIABLE=VALUE...]: builds the module whose source lies in DIR.
build() {
	local dir=$1
	shift
	make -s -j2 -C "$kernel/usr/src/$headers" M="$dir" CONFIG_DEBUG_INFO_BTF_MODULES= "$@" modules >&2
	strip -g "$dir"/*.ko
}

if [ ! -e "$kernel/ready" ]; then
	rm -rf "$kernel"
	unpack_kernel "$kernel"
	build "$kernel/source" CONFIG_NETDEVSIM=m
	mkdir "$kernel/lib/modules/$kernel_release/updates"
	mv "$kernel/source/netdevsim.ko" "$kernel/lib/modules/$kernel_release/updates"
	rm -r "$kernel/source"
	depmod -b "$kernel" "$kernel_release"
	touch "$kernel/ready"
	lap "netdevsim built"
fi
flock -u 8

cp -r testdata/driver/p4ref "$work/p4ref"
build "$work/p4ref"
lap "p4ref built"
kernel_image=$kernel/boot/vmlinuz-$kernel_release
