# What the demo says of its fetches. To be sourced by bash, with `fail` defined.
# shellcheck shell=bash

# Each virtual host was fetched over IPv4 and IPv6.
#
# usage: check_fetches FILE      (what the demo said)
check_fetches() {
    local site fetched
    for site in shop.example blog.example v1.api.example; do
        # It says 0, and fails, where there is none.
        fetched=$(grep --count "^ *https://$site/ .* HTTP 200," "$1") || true
        [[ $fetched == 2 ]] || fail "$site was fetched $fetched times, not over IPv4 and IPv6"
    done
}
