# shellcheck shell=bash disable=SC2034,SC2154
# Additions of --secure: certificates and users. They are for tests and protect nothing, so the passwords are no secret.

user=nerodia password=nerodia-password
limited_user=limited limited_password=limited-password

# Makes a CA, and with it a server's and a client's certificate.
make_certificates() {
  (cd "$run" && umask 077 && make_ca && make_certificate server serverAuth "IP:127.0.0.1,DNS:localhost" &&
    make_certificate client clientAuth "DNS:nerodia-client" && cat server.key server.pem >server-keystore.pem) \
    </dev/null >"$run/openssl.log" 2>&1 || {
    cat "$run/openssl.log" >&2
    die "openssl could not make the certificates; what it said stands above"
  }
}

# Makes a key in PKCS #8, the only form that Kafka reads. Elliptic, because an RSA key can take a second.
make_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }

make_ca() {
  make_key ca &&
    openssl req -x509 -new -key ca.key -out ca.pem -days 365 -subj "/CN=nerodia test CA" \
      -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
}

make_certificate() {
  local who=$1 use=$2 names=$3
  make_key "$who" &&
    openssl req -new -key "$who.key" -out "$who.csr" -subj "/CN=nerodia-$who" &&
    printf '%s\n' "subjectAltName=$names" "extendedKeyUsage=$use" "basicConstraints=CA:FALSE" >"$who.extensions" &&
    openssl x509 -req -in "$who.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile "$who.extensions" \
      -out "$who.pem"
}

secure_config() {
  cat "$root/scripts/kafka/secure.properties"
  echo
  echo "ssl.keystore.location=$run/server-keystore.pem"
  echo "ssl.truststore.location=$run/ca.pem"
  echo "super.users=User:ANONYMOUS;User:$user;User:CN=nerodia-client"
  echo "listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required" \
    "user_$user=\"$password\" user_$limited_user=\"$limited_password\";"
}

# Sets `users`, the arguments for StorageTool: PLAIN's users are in the configuration, SCRAM's in the data.
scram_users() {
  local mechanism
  for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
    users+=(--add-scram "$mechanism=[name=$user,password=$password]")
    users+=(--add-scram "$mechanism=[name=$limited_user,password=$limited_password]")
  done
}

print_secure() {
  echo "KAFKA_TLS_ADDRESSES=$(addresses 2)"
  echo "KAFKA_SASL_ADDRESSES=$(addresses 3)"
  echo "KAFKA_CA=$run/ca.pem"
  echo "KAFKA_CLIENT_CERT=$run/client.pem"
  echo "KAFKA_CLIENT_KEY=$run/client.key"
  echo "KAFKA_USER=$user"
  echo "KAFKA_PASSWORD=$password"
  echo "KAFKA_LIMITED_USER=$limited_user"
  echo "KAFKA_LIMITED_PASSWORD=$limited_password"
}
