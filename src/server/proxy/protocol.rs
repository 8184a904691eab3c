//! The PROXY protocol, version 2: who the client of a proxied connection is, said by the proxy in
//! a binary header before the first byte of TLS.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2.
//!
//! The text form of version 1 is refused: it can say nothing more, and would be a second parser.
//! Must not know: which connections begin with one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::canonical;

/// The connection does not begin with a header that names its client.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum HeaderError {
    /// It ended or broke.
    #[error("the connection ended within the PROXY header")]
    Short(#[from] std::io::Error),
    /// It begins otherwise, TLS or the text form of version 1 for example.
    #[error("the connection does not begin with a PROXY v2 header")]
    Signature,
    /// A version or command that nobody has defined, or addresses too short for their family.
    #[error("the PROXY header is malformed")]
    Malformed,
    /// The proxied connection is not TCP over IP.
    #[error("the PROXY header names no TCP client")]
    NotTcp,
    /// More extensions than any proxy sends.
    #[error("the PROXY header is longer than {MOST} bytes")]
    TooLong,
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// What may follow, in bytes: addresses and a handful of extensions, which are skipped. Section 2.2
/// asks receivers to be ready for 536 bytes in all.
const MOST: usize = 536 - FIXED;

/// Reads the header, to its last byte and no further. `None` if the proxy speaks for itself (a
/// health check): the connection's own address then is the client's.
pub(in crate::server) async fn read_header(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, HeaderError> {
    let mut fixed = [0; FIXED];
    from.read_exact(&mut fixed).await?;
    let (signature, rest) = fixed.split_at(SIGNATURE.len());
    let &[command, family, high, low] = rest else {
        return Err(HeaderError::Malformed);
    };
    if signature != SIGNATURE {
        return Err(HeaderError::Signature);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MOST {
        return Err(HeaderError::TooLong);
    }
    let mut addresses = [0; MOST];
    let addresses = &mut addresses[..length];
    from.read_exact(addresses).await?;
    match command {
        0x20 => Ok(None),
        0x21 => source(family, addresses).map(Some),
        _ => Err(HeaderError::Malformed),
    }
}

/// The source address: both addresses stand first, then both ports.
fn source(family: u8, addresses: &[u8]) -> Result<SocketAddr, HeaderError> {
    let (ip, ports) = match family {
        0x11 => {
            let (ip, rest) = split::<4>(addresses)?;
            (IpAddr::from(Ipv4Addr::from(ip)), split::<4>(rest)?.1)
        }
        0x21 => {
            let (ip, rest) = split::<16>(addresses)?;
            (IpAddr::from(Ipv6Addr::from(ip)), split::<16>(rest)?.1)
        }
        _ => return Err(HeaderError::NotTcp),
    };
    let (port, rest) = split::<2>(ports)?;
    split::<2>(rest)?;
    Ok(canonical(SocketAddr::new(ip, u16::from_be_bytes(port))))
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), HeaderError> {
    let (head, rest) = bytes.split_first_chunk().ok_or(HeaderError::Malformed)?;
    Ok((*head, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb];

    fn v6() -> Vec<u8> {
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let ports = [0x12, 0x34, 0x01, 0xbb];
        [&ip("2001:db8::1")[..], &ip("2001:db8::2"), &ports].concat()
    }

    /// What is read, and what is left.
    async fn read(mut bytes: &[u8]) -> (Result<Option<String>, HeaderError>, usize) {
        let found = read_header(&mut bytes).await;
        let text = |address: SocketAddr| address.to_string();
        (found.map(|address| address.map(text)), bytes.len())
    }

    #[tokio::test]
    async fn the_source_is_read_and_no_byte_of_tls() {
        let mut with_extensions = V4.to_vec();
        with_extensions.extend([0x04, 0, 3, 1, 2, 3]);
        let longest = [&V4[..], &[0; MOST - 12]].concat();
        for (bytes, client) in [
            (header(0x21, 0x11, &V4), Some("192.0.2.1:4660")),
            (header(0x21, 0x11, &with_extensions), Some("192.0.2.1:4660")),
            (header(0x21, 0x11, &longest), Some("192.0.2.1:4660")),
            (header(0x21, 0x21, &v6()), Some("[2001:db8::1]:4660")),
            (header(0x20, 0x00, &[]), None),
            (header(0x20, 0x11, &V4), None),
        ] {
            let (found, left) = read(&[&bytes[..], b"\x16\x03\x01"].concat()).await;
            assert_eq!((found.unwrap().as_deref(), left), (client, 3));
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        use HeaderError::{Malformed, NotTcp, Short, Signature, TooLong};
        let longer = [&V4[..], &[0; MOST - 11]].concat();
        let cases = [
            (
                b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\r\n".to_vec(),
                Signature,
            ),
            (
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on".to_vec(),
                Signature,
            ),
            (header(0x11, 0x11, &V4), Malformed),
            (header(0x22, 0x11, &V4), Malformed),
            (header(0x21, 0x11, &V4[..11]), Malformed),
            (header(0x21, 0x21, &v6()[..35]), Malformed),
            (header(0x21, 0x00, &[]), NotTcp),
            (header(0x21, 0x12, &V4), NotTcp),
            (header(0x21, 0x31, &[0; 216]), NotTcp),
            (header(0x21, 0x11, &longer), TooLong),
        ];
        for (bytes, expected) in cases {
            let found = read(&bytes).await.0.unwrap_err();
            assert_eq!(found.to_string(), expected.to_string(), "{bytes:?}");
        }
        let whole = header(0x21, 0x11, &V4);
        for end in 0..whole.len() {
            assert!(
                matches!(read(&whole[..end]).await.0, Err(Short(_))),
                "{end}"
            );
        }
    }
}
