# The body comes from a file: curl reads a pipe to its end first.
body=$(mktemp)
trap 'rm -f "$body"' EXIT
head -c 20000000 /dev/zero > "$body"

send() {
    name=$1
    shift
    curl -sS -X "$method" -H "Authorization: Bearer $token" -H "Content-Type: application/json" \
        --data-binary @"$body" -w ' %{http_code}' "$@" "$url" |
        sed -E "s|.*\"type\":\"([^\"]*)\".* ([0-9]+)|$name \2 \1|"
    echo
}

method=$1 url=$2 token=$3
send "100-continue"
send "at once" -H "Expect:"
send "in chunks" -H "Transfer-Encoding: chunked"
send "HTTP/2" --http2-prior-knowledge
