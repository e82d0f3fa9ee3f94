# initrd.sh: the guest's initial file system. Sourced by run behind kernel.sh.

# static_go OUTPUT [-c] PACKAGE: a program, or with -c a package's tests, that need nothing of the guest. They are linked
# from what "go test ./..." compiles anyway: without cgo every package would be compiled once more, in minutes.
static_go() {
	local out=$1 build=build
	shift
	if [ "$1" = -c ]; then
		build="test -c"
		shift
	fi
	go $build -ldflags="-s -w -linkmode=external -extldflags=-static" -o "$out" "$1"
}

# add_modules ROOT MODULE...: modules of the kernel with all that they need.
add_modules() {
	local root=$1 dir=lib/modules/$kernel_release m
	shift
	mkdir -p "$root/$dir"
	for m in "$@"; do
		modprobe -d "$kernel" -S "$kernel_release" --show-depends "$m" | sed -n 's/^insmod //p'
	done | sort -u | while read -r m; do
		case $m in
		*.xz) xz -dc "$m" >"$root/$dir/$(basename "$m" .xz)" ;;
		*) cp "$m" "$root/$dir" ;;
		esac
	done
	cp "$work/p4ref/p4ref.ko" "$root/$dir"
	cp "$kernel/lib/modules/$kernel_release"/modules.{builtin,builtin.modinfo,order} "$root/$dir"
	depmod -b "$root" "$kernel_release"
}

# add_program ROOT FILE: a program of this machine with its libraries.
add_program() {
	local lib
	cp -L "$(command -v "$2")" "$1/sbin/"
	ldd "$(command -v "$2")" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$1$(dirname "$lib")"
		cp -L "$lib" "$1$lib"
	done
}

# pack ROOT PROGRAM VERSION: a package for p4ref.
pack() {
	"$1/bin/p4dev" pack "testdata/p4/$2.p4" --version "$3" --advert p4ref:p4ref --device driver:p4ref=p4ref \
		-o "$1/packages/$2-$3.p4fw" >/dev/null
}

make_initrd() {
	local root=$1/root a p
	mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,etc,out,packages,var/lib,lib/firmware/p4dev}
	static_go "$root/bin/p4dev" ./cmd/p4dev
	for p in devlink devlink/replay swfallback cmd/p4dev; do
		static_go "$root/bin/$(basename $p).test" -c "./$p"
	done
	for a in 1.0.0 1.2.0 1.3.0 1.4.0 1.5.0; do pack "$root" l3router $a; done
	mkdir -p "$root/src/testdata" # where tests look for programs
	cp go.mod "$root/src/"
	cp -r testdata/p4 testdata/wire "$root/src/testdata/"
	cp "$(command -v busybox)" "$root/bin/"
	for a in $(busybox --list | grep -vx -E 'busybox|ip|tc|devlink'); do ln -s busybox "$root/bin/$a"; done
	add_program "$root" devlink
	add_program "$root" ip
	add_modules "$root" virtio_blk virtio_pci mtd block2mtd psample netdevsim veth tun
	cp -r "$here/guest/." "$root/"
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$1/initrd"
}
