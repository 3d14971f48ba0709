//! A certificate authority for one control plane: the server's certificate, users' certificates, the key of accounts.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name};

/// A certificate and its key, both PEM.
pub struct Pair {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    pub fn new() -> Result<Self, ErrorStack> {
        let key = new_key()?;
        let name = subject("gitdeck tests", &[])?;
        let mut builder = started(&name, &key)?;
        builder.set_issuer_name(&name)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { certificate: builder.build(), key })
    }

    pub fn pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_pem()
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Result<Pair, ErrorStack> {
        let key = new_key()?;
        let mut builder = started(&subject("kube-apiserver", &[])?, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let names = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .dns("localhost")
            .dns("kubernetes")
            .build(&context)?;
        builder.append_extension(names)?;
        self.signed(builder, &key)
    }

    /// A certificate for a user; Kubernetes takes the name from CN and the groups from O.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<Pair, ErrorStack> {
        let key = new_key()?;
        let mut builder = started(&subject(name, groups)?, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
        self.signed(builder, &key)
    }

    fn signed(&self, mut builder: X509Builder, key: &PKey<Private>) -> Result<Pair, ErrorStack> {
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Pair { certificate: builder.build().to_pem()?, key: key.private_key_to_pem_pkcs8()? })
    }
}

/// A fresh P-256 key: made in no time, and every part of Kubernetes accepts it.
pub fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn subject(name: &str, groups: &[&str]) -> Result<X509Name, ErrorStack> {
    let mut subject = X509Name::builder()?;
    for group in groups {
        subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, group)?;
    }
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(subject.build())
}

fn started(subject: &X509Name, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    // An hour back: the clocks of a container and of its host need not agree.
    builder.set_not_before(&*Asn1Time::from_unix(jiff::Timestamp::now().as_second() - 3600)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(2)?)?;
    Ok(builder)
}
