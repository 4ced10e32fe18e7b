# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, by openssl."""

from servers import must_openssl


def make_authority(folder, name="ca"):
    """NAME.pem and NAME.key: a CA of two days."""
    must_openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN=weir {name}",
                 "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder, name, subject, names, authority="ca"):
    """NAME.pem and NAME.key, by the CA of that name. names: as in subjectAltName."""
    must_openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", f"{name}.key",
                 "-out", "request.pem")
    (folder / "names").write_text(f"subjectAltName={names}\n")
    must_openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                 "-CAcreateserial", "-days", "1", "-extfile", "names", "-out", f"{name}.pem")
