# The root file system of a virtual machine: busybox and programs of this machine with their shared
# libraries. To be sourced by bash.
# shellcheck shell=bash

# The package that a package without files of its own stands for.
#
# usage: package_behind PACKAGE PREFIX
package_behind() {
    apt-cache --quiet depends "$1" 2>/dev/null | awk -v prefix="$2" '
        $1 == "Depends:" && index($2, prefix) == 1 { print $2; exit }'
}

# Fetches packages and unpacks them, without installing them.
#
# usage: unpack_packages FOLDER PACKAGE...
unpack_packages() {
    local folder=$1 file
    shift
    mkdir --parents "$folder"
    # Not as user _apt, who can't write to the folder.
    (cd "$folder" && apt-get --quiet --quiet --option APT::Sandbox::User=root download "$@") || return
    for file in "$folder"/*.deb; do dpkg-deb --extract "$file" "$folder" || return; done
    rm --force "$folder"/*.deb
}

# Copies a program and the libraries that it is linked to.
#
# usage: add_program ROOT PATH-OF-PROGRAM
add_program() {
    local guest_root=$1 program=$2 library
    install -D "$program" "$guest_root/usr/bin/${program##*/}"
    while read -r library; do
        [[ -e $guest_root$library ]] || install -D "$library" "$guest_root$library"
    done < <(ldd "$program" | grep --only-matching '/[^ ]*')
}

# Folders and files that every program expects.
#
# usage: make_root ROOT
make_root() {
    local guest_root=$1 folder
    mkdir --parents "$guest_root"/{applets,dev,etc,modules,proc,root,run,sys,tmp,usr,var/log}
    # As on Debian: all programs and libraries are below /usr.
    for folder in bin sbin lib lib64; do
        mkdir "$guest_root/usr/$folder"
        ln --symbolic "usr/$folder" "$guest_root/$folder"
    done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' >"$guest_root/etc/passwd"
    printf '%s\n' 'root:x:0:' >"$guest_root/etc/group"
    printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' >"$guest_root/etc/nsswitch.conf"
    printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$guest_root/etc/hosts"
}

# usage: pack_root ROOT FILE
pack_root() {
    (cd "$1" && find . -print0 | cpio --null --create --format=newc --quiet) >"$2"
}
