//! Tests of whom the client trusts, and how it shows who it is.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509NameBuilder};

use super::*;

/// Certificate and its key.
struct Party {
    certificate: X509,
    key: PKey<Private>,
}

impl Party {
    /// Makes a certificate for a host, signed by `by`, or an authority if there is none.
    fn new(host: &str, by: Option<&Party>) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let name = {
            let mut name = X509NameBuilder::new().unwrap();
            name.append_entry_by_text("CN", host).unwrap();
            name.build()
        };
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial
            .rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false)
            .unwrap();
        builder
            .set_serial_number(&serial.to_asn1_integer().unwrap())
            .unwrap();
        builder.set_subject_name(&name).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(2).unwrap())
            .unwrap();
        builder.set_pubkey(&key).unwrap();
        match by {
            None => {
                let extension = BasicConstraints::new().critical().ca().build().unwrap();
                builder.append_extension(extension).unwrap();
                builder.set_issuer_name(&name).unwrap();
                builder.sign(&key, MessageDigest::sha256()).unwrap();
            }
            Some(by) => {
                let context = builder.x509v3_context(Some(&by.certificate), None);
                let extension = SubjectAlternativeName::new()
                    .ip(host)
                    .build(&context)
                    .unwrap();
                builder.append_extension(extension).unwrap();
                builder
                    .set_issuer_name(by.certificate.subject_name())
                    .unwrap();
                builder.sign(&by.key, MessageDigest::sha256()).unwrap();
            }
        }
        let certificate = builder.build();
        Self { certificate, key }
    }

    fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    /// Starts a server that shows this certificate, and wants one of a client that `clients` signed.
    fn serve(&self, clients: Option<&Party>) -> Server {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&self.certificate).unwrap();
        acceptor.set_private_key(&self.key).unwrap();
        if let Some(clients) = clients {
            let mut store = X509StoreBuilder::new().unwrap();
            store.add_cert(clients.certificate.clone()).unwrap();
            acceptor.set_verify_cert_store(store.build()).unwrap();
            acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        Server::start_with(Some(acceptor.build()), |_| avro("text"))
    }
}

fn client_with(tls: Tls, server: &Server) -> Registry<RawSchema> {
    let config = RegistryConfig {
        tls,
        ..config(&format!("https://127.0.0.1:{}", server.port()))
    };
    client(&config, limits())
}

fn trusting(authority: &Party) -> Tls {
    Tls {
        root_cas: Some(authority.pem()),
        ..Tls::default()
    }
}

fn assert_refused(tls: Tls, server: &Server) -> String {
    let registry = client_with(tls, server);
    registry.ask(Question::Id(1), |_| ()).ok().unwrap();
    eventually("a trouble", || registry.trouble().is_some());
    assert_eq!(server.requests().len(), 0, "nothing is sent");
    registry.trouble().unwrap()
}

#[test]
fn a_server_is_trusted_if_its_authority_is() {
    let (authority, stranger) = (Party::new("CA", None), Party::new("CA", None));
    let server = Party::new("127.0.0.1", Some(&authority)).serve(None);
    for tls in [Tls::default(), trusting(&stranger)] {
        let told = assert_refused(tls, &server);
        assert!(
            told.contains("TLS: ") && told.contains("certificate"),
            "{told}"
        );
    }
    answer(&client_with(trusting(&authority), &server), Question::Id(1)).unwrap();
}

#[test]
fn a_certificate_is_for_one_host() {
    let authority = Party::new("CA", None);
    let server = Party::new("127.0.0.2", Some(&authority)).serve(None);
    let told = assert_refused(trusting(&authority), &server);
    assert!(told.contains("TLS: "), "{told}");
    let tls = Tls {
        skip_verify: true,
        ..Tls::default()
    };
    answer(&client_with(tls, &server), Question::Id(1)).unwrap();
}

#[test]
fn a_client_shows_its_certificate() {
    let authority = Party::new("CA", None);
    let server = Party::new("127.0.0.1", Some(&authority)).serve(Some(&authority));
    // What the server says about that may be lost when it closes the connection.
    assert_refused(trusting(&authority), &server);
    let own = Party::new("10.0.0.1", Some(&authority));
    let tls = Tls {
        client: Some((own.pem(), own.key_pem())),
        ..trusting(&authority)
    };
    answer(&client_with(tls, &server), Question::Id(1)).unwrap();
}
