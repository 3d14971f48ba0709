//! The sandbox's own certificate authority, made anew for every listener.

use std::net::IpAddr;

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509Name, X509NameBuilder,
        extension::{
            BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
            SubjectKeyIdentifier,
        },
    },
};

/// Days that the certificates hold; a sandbox lives for hours.
const DAYS: u32 = 30;

/// A server certificate with its key, and the authority that signed it.
pub struct Certificates {
    /// Certificate of the authority.
    pub authority: X509,
    /// Certificate of the server.
    pub server: X509,
    /// Key of the server.
    pub key: PKey<Private>,
}

impl Certificates {
    /// New keys and certificates for a server at this address and on the loopback.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub fn new(address: IpAddr) -> Result<Self, ErrorStack> {
        let (authority_key, key) = (new_key()?, new_key()?);
        let authority_name = name("gitdeck-sandbox-ca")?;
        let mut builder = unsigned(&authority_name, &authority_name, &authority_key)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&authority_key, MessageDigest::sha256())?;
        let authority = builder.build();

        let mut builder = unsigned(&name("gitdeck-sandbox")?, &authority_name, &key)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(
            KeyUsage::new().critical().digital_signature().key_encipherment().build()?,
        )?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        let mut names = SubjectAlternativeName::new();
        names.dns("localhost").ip("127.0.0.1").ip("::1");
        if !address.is_unspecified() && !address.is_loopback() {
            names.ip(&address.to_string());
        }
        let names = names.build(&builder.x509v3_context(Some(&authority), None))?;
        builder.append_extension(names)?;
        builder.sign(&authority_key, MessageDigest::sha256())?;
        Ok(Self { authority, server: builder.build(), key })
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)
}

fn name(common: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, common)?;
    Ok(builder.build())
}

fn unsigned(
    subject: &X509Name,
    issuer: &X509Name,
    key: &PKey<Private>,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::from_unix(jiff::Timestamp::now().as_second() - 3_600)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(DAYS)?)?;
    Ok(builder)
}
