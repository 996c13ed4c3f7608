"""Files of every kind as openssl and ssh-keygen write them, to be told apart; all in one folder, made once."""

import subprocess
from pathlib import Path
from typing import Final

from programs import program

__all__ = ["PASSWORD", "write_specimens"]

PASSWORD: Final = "open sesame"
_CA_CONFIG: Final = """\
[ca]
default_ca = own
[own]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 7
"""
_COMMANDS: Final = """\
ecparam -name prime256v1 -genkey -out parameters_and_ec.pem
ec -in parameters_and_ec.pem -out ec_sec1.pem
ec -in ec_sec1.pem -outform DER -out ec_sec1.der
ec -in ec_sec1.pem -aes256 -passout PASSWORD -out ec_traditional_encrypted.pem
ec -in ec_sec1.pem -pubout -out ec_public.pem
pkcs8 -topk8 -nocrypt -in ec_sec1.pem -out ec_pkcs8.pem
pkcs8 -topk8 -nocrypt -in ec_sec1.pem -outform DER -out ec_pkcs8.der
pkcs8 -topk8 -in ec_sec1.pem -passout PASSWORD -out ec_encrypted.pem
pkcs8 -topk8 -in ec_sec1.pem -passout PASSWORD -outform DER -out ec_encrypted.der
pkcs8 -topk8 -in ec_sec1.pem -passout PASSWORD -v1 PBE-SHA1-3DES -out ec_encrypted_old.pem
genrsa -traditional -out rsa_pkcs1.pem 2048
pkcs8 -topk8 -nocrypt -in rsa_pkcs1.pem -out rsa_pkcs8.pem
rsa -in rsa_pkcs1.pem -pubout -out rsa_public.pem
rsa -in rsa_pkcs1.pem -RSAPublicKey_out -out rsa_public_pkcs1.pem
genpkey -algorithm ED448 -out ed448.pem
genpkey -algorithm X25519 -out x25519.pem
genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp521r1 -out p521.pem
dsaparam -genkey -out parameters_and_dsa.pem 1024
req -x509 -key ec_pkcs8.pem -subj /C=DE/O=Op/CN=Root/DC=V2G -days 30 -out certificate.pem
x509 -in certificate.pem -outform DER -out certificate.der
x509 -in certificate.pem -trustout -addtrust serverAuth -out certificate_trusted.pem
x509 -in certificate.pem -text -out certificate_with_text.pem
req -new -key ec_pkcs8.pem -subj /C=DE/O=Op/CN=DE*ICE*E1/DC=CPO -out request.pem
req -new -key ec_pkcs8.pem -subj /C=DE/O=Op/CN=DE*ICE*E1/DC=CPO -newhdr -out request_old.pem
req -in request.pem -outform DER -out request.der
crl2pkcs7 -nocrl -certfile certificate.pem -out bag.pem
crl2pkcs7 -nocrl -certfile certificate.pem -outform DER -out bag.der
pkcs12 -export -inkey ec_pkcs8.pem -in certificate.pem -passout PASSWORD -out container.p12
ocsp -issuer certificate.pem -cert certificate.pem -reqout ocsp_request.der
ocsp -index index.txt -CA certificate.pem -rsigner certificate.pem -rkey ec_pkcs8.pem -reqin ocsp_request.der \
-respout ocsp_response.der -ndays 7
ca -config ca.cnf -gencrl -keyfile ec_pkcs8.pem -cert certificate.pem -out crl.pem
crl -in crl.pem -outform DER -out crl.der
req -x509 -sha1 -key ec_pkcs8.pem -subj /C=DE/O=Op/CN=Root/DC=V2G -days 30 -out sha1_root.pem
x509 -req -sha1 -in request.pem -CA certificate.pem -CAkey ec_pkcs8.pem -set_serial 7 -days 30 -out sha1_leaf.pem
req -x509 -key rsa_pkcs8.pem -subj /CN=Recipient -out recipient.pem
smime -encrypt -in certificate.pem -outform PEM -out enveloped.pem recipient.pem
"""


def write_specimens(folder: Path) -> Path:
    """Fill the folder; each file's name says what is in it and in what form."""
    openssl = program("openssl")
    (folder / "ca.cnf").write_text(_CA_CONFIG)
    (folder / "index.txt").write_text("V\t300101000000Z\t\t01\tunknown\t/CN=x\n")
    (folder / "crlnumber").write_text("01\n")
    for line in _COMMANDS.splitlines():
        words = [f"pass:{PASSWORD}" if word == "PASSWORD" else word for word in line.split()]
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)
    for kind, password in (("ed25519", ""), ("ecdsa", PASSWORD)):
        name = f"ssh_{kind}"
        command = [program("ssh-keygen"), "-q", "-t", kind, "-N", password, "-f", name]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder
