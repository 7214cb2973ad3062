/// Keys and signatures made by the `openssl` command, an implementation of its own as far as these tests go.
enum Vectors {
    static let message = Array("signed elsewhere".utf8)
    static let rsaFingerprint = "17265586303fdaab5d8160ad185e23dedf09df0d83a1a7d4ccdc10792f2eeaad"
    static let signature = """
        1etILJbZDGlQHTyxL/AnhQvc5RZ6ceYc2JaDBvDeCtLxEi5DddAkS9Oy6wn7zChInGqwH5LjSr9zHA2UkySM5NemDYDk7Fbg4+Um\
        33S95YAxsmrfNatPJNVG3Qq+u82shaZCNMw35+HiiTSNgHA0091PGt9EVe/nLb6GVczMBtmMKCuhRBFRVuhh19X5DYSrnh/EABIF\
        t7ymQaHG6X+7om/CjvLJGcbr242rnEWiXgF4jXBpBHQ/NsQeiyE/91U5tgoagi5Oip62fDsvoFRNoVPjbQcI9jh2QzSt/PIW2Kip\
        /gZFKj1ZOn5TPbh7VTHP5iVoSk1c7Jq6Tkzfssvx2A==
        """
    static let pssSignature = """
        jlRdS/g6G6h4VAeW2jpNNXU+ASSmvJc25qdwNMCZGLUlSJhjasjVbzAdK8AXxytuMwKlb90GmIFPNwrwd470X39D5TydcktuoMeW\
        Jv4qh5yARZgggsj3tqDYQUf7qS7CCQPqtyFZpdN1ezfbkZnM3mne3/BmRpH6pScxToM5ZBnblzm7E98omy0lY0x4cpg6DuUwBJfI\
        ffCHVN2hJQ39KUG6qsrrVWn1L2qv5XbeVqim/8NOMFfReKrZNwACHDCOTotAipl9gIouNtzRXr6bg8MkW9zw2mQOa8Z+ovzG5ZNa\
        IE8GucVtS3+u6C5j+2CUBekgxGRXuQApjPOOrjUKgw==
        """
    static let sha512Signature = """
        QCbxQn+Te4M0M+rk6NUX/VzGIpVgk7tZv/s/WNuiNa1Ge/Wj716uDJrPDf6CQNxrKBf4kqfz6knEuhdxyU9F2qQ11RmHfJ7XouH5\
        QWL3Sh1fMO+5mahxj915eMp0R3bMXCcVB5SBNyMbtNhykAyw20BtpAhEmAk1ANfNVi16V3IBgK60iybtA21YQbEWbPNgMJx/hyGs\
        dZauaGZcl7ZHyvbyWKhN2miGPe02najzz9qIKpdn1mu2MuiwTZGOPzZgWxAZGaVxMYsexCPoqTWw5ZtU4vG0yHCa+v3SdxcyYFd2\
        hnnFytFehmOnimuphjW2hh+SvdaE2hiBBzh6GDW6nw==
        """
    static let rsaPEM = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA9nO0niiKP6+FehxE48P+
        tpW54KjkKz1NtlxI7UfzTIwwrF27KFpQXKH/FEAA/hzQyjq4yf4T12KW9fxBuQjP
        KZKhRBFbJGfYsI0VrXy6H2pi/uzLc9btLoh9F510jiT70vGlEtWlnUhNM91iPf7Y
        2fvYY8jg0IFmA5vUMcsXFWiCILgMFTn1Mh4gqAMhtXhik1LNrNaL8vWxiYXSSqDn
        z9/i2HMWuI9PXRxk7EnAHz9LvXbupmeGrIvvnEQrLWNPpoTv7F9AUAY2QC67kUvg
        kMQ/f7AaUIk2ln0osoeiPrSaEnvhPa4kzPZpBuF+L+IxM0qzS57fqkjBwdPQkTRV
        +QIDAQAB
        -----END PUBLIC KEY-----
        """
    static let shortRSAPEM = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD45Sz0nW5rCkOBVqHMwviI1dF8
        vp5KP0WyO3YoYGWDGU81NLgZFWzEhyfQxpcRT9edLI5u72LuUgXSSbDPkj6RCocf
        EY2QAsgas2kKQ9qNq7Xns3CQNe0DjJnWTGCfvhvJvncSCYuTZK/LALH90eztb1YV
        9naoxUSKczpjz3kQdQIDAQAB
        -----END PUBLIC KEY-----
        """
    static let ellipticPEM = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUJ/WQLj95K9aAuvRSpv5PF7Wg2iT
        YnJJsGD1JONa5z+8SsBs0gVRUVH9uPnmQ5OtF7wH5LfbDHYON23PTxyA9Q==
        -----END PUBLIC KEY-----
        """
    static let pssPEM = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBALm/R/5M7ZmPni+P8swy0qfk
        GM3Deq/wz94ungYZlLLnIsJRSduuFdy0E6MjGVfTdYaGJhCyoXAOSj2BMa6HcL7j
        m/iD/LfL8cxDoI2dye0km/9J9T/w2t9/arUdUrBrXSez3zyuULVhRcFG2jHzq8dW
        Upgv0jhKux/c99FG3/RG9zeN4J0CnasoJ4R6Guhs0tr841szLma59MzOi1GwgzH/
        fdFgq6n1Sdd5Ohd7aX3CSzp4GT8Y8C3RIeG/XCPn8KZWGenrrP8F0xqrtRf3zRuL
        saH6lzibA8dtTnNgork5PwHsGaCsw+Q/5mhqJXZ2njG8VWMKfczfWtKHd7DYKv8C
        AwEAAQ==
        -----END PUBLIC KEY-----
        """
    static let legacyLabelPEM = """
        -----BEGIN RSA PUBLIC KEY-----
        MIIBCgKCAQEA9nO0niiKP6+FehxE48P+tpW54KjkKz1NtlxI7UfzTIwwrF27KFpQ
        XKH/FEAA/hzQyjq4yf4T12KW9fxBuQjPKZKhRBFbJGfYsI0VrXy6H2pi/uzLc9bt
        Loh9F510jiT70vGlEtWlnUhNM91iPf7Y2fvYY8jg0IFmA5vUMcsXFWiCILgMFTn1
        Mh4gqAMhtXhik1LNrNaL8vWxiYXSSqDnz9/i2HMWuI9PXRxk7EnAHz9LvXbupmeG
        rIvvnEQrLWNPpoTv7F9AUAY2QC67kUvgkMQ/f7AaUIk2ln0osoeiPrSaEnvhPa4k
        zPZpBuF+L+IxM0qzS57fqkjBwdPQkTRV+QIDAQAB
        -----END RSA PUBLIC KEY-----
        """
}
