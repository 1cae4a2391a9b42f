//! A certificate authority of one test, and the certificates that it signs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// An authority, and the folder of all its files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, in PEM form.
pub struct Certificate {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
}

impl Authority {
    /// An authority that nobody knows yet, under a name of its own.
    pub fn new() -> Self {
        Self::named(&uuid::Uuid::now_v7().to_string())
    }

    /// [`Authority::new`] under this name, which another one may have.
    pub fn named(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The file of its own certificate, for those who are to know it.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate of a server with these names.
    pub fn server(&self, names: &[&str]) -> Certificate {
        self.sign("server", names, 0)
    }

    /// A certificate of a server that was valid until yesterday.
    pub fn expired(&self, names: &[&str]) -> Certificate {
        self.sign("expired", names, -2)
    }

    /// A certificate of a server that is valid from tomorrow.
    pub fn not_yet_valid(&self, names: &[&str]) -> Certificate {
        self.sign("early", names, 2)
    }

    /// A certificate of the client `name`.
    pub fn client(&self, name: &str) -> Certificate {
        let mut params = params(name, &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        self.write(name, &signed.pem(), &key)
    }

    /// A server's certificate that is signed by itself.
    pub fn self_signed(&self, names: &[&str]) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let signed = params("self-signed", names).self_signed(&key).unwrap();
        self.write("self-signed", &signed.pem(), &key)
    }

    /// The authority's own certificate, in place of a server's.
    pub fn own(&self) -> Certificate {
        self.write("own", &self.issuer.pem(), self.issuer.key())
    }

    fn sign(&self, file: &str, names: &[&str], days: i64) -> Certificate {
        let mut params = params(file, names);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before += Duration::days(days);
        params.not_after += Duration::days(days);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        self.write(file, &signed.pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Certificate {
        // An authority may sign several of one name.
        let number = fs::read_dir(self.folder.path()).unwrap().count();
        let file = |end: &str| self.folder.path().join(format!("{name}-{number}.{end}"));
        let written = Certificate {
            certificate: file("pem"),
            key: file("key"),
        };
        fs::write(&written.certificate, certificate).unwrap();
        fs::write(&written.key, key.serialize_pem()).unwrap();
        written
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// What a server with this certificate needs.
    pub fn server_config(&self) -> ServerConfig {
        let certificate = CertificateDer::from_pem_file(&self.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }
}

/// Valid for a day, from yesterday on.
fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(1);
    params
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
