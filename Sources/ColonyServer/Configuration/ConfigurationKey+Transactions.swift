import ColonyTransactions

extension ConfigurationKey {
    /// The type of a key that takes several values: a list in the file, and text with commas or spaces anywhere else.
    static let list = "list"

    /// What can be set about transactions.
    static let transactions: [ConfigurationKey] = [
        ConfigurationKey(
            name: "transactions.allow", type: Self.list, defaultValue: nil,
            meaning: "Where participants may be called beside the public internet: addresses and ranges such as "
                + "10.0.0.0/8. Loopback needs no entry while the server listens on loopback only."
        ) { value, configuration throws(Refusal) in
            configuration.transactions.allow = []
            for part in Self.parts(of: value) {
                do throws(AddressRange.Defect) {
                    configuration.transactions.allow.append(try AddressRange(part))
                } catch {
                    throw Refusal(expectation: "addresses such as 10.0.0.0/8, but \(error.reason)")
                }
            }
        },
        ConfigurationKey(
            name: "transactions.signing_key", type: Self.list, defaultValue: nil,
            meaning: "The secret that calls of participants are signed with, whsec_ and base 64 of 24 to 64 bytes. "
                + "While one is replaced there are two.",
            isSecret: true
        ) { value, configuration throws(Refusal) in
            do throws(CallSignatureError) {
                configuration.transactions.signingKeys = try SigningKey.all(in: Self.parts(of: value))
            } catch {
                throw Refusal(expectation: "a signing key, but \(error.message)")
            }
        },
        text(
            "transactions.signing_key_file", nil,
            "A file with such keys, one a line, in place of transactions.signing_key."
        ) { $0.transactions.signingKeyFile = $1 },
        text(
            "transactions.ca", nil,
            "A PEM file with certificates that vouch for participants, beside those of the system."
        ) { $0.transactions.certificateFile = $1 },
        integer(
            "transactions.in_flight", "number", 1...1_000_000, 10_000,
            "The most transactions in flight. Further ones are refused, and begun by asking again."
        ) { $0.transactions.inFlight = $1 },
        integer(
            "transactions.calls", "number", 1...100_000, 1_000,
            "The most calls of participants at a time. Each has a connection; others wait, within their own time."
        ) { $0.transactions.calls = $1 },
        duration(
            "transactions.lease", "10s",
            "After how long without a sign of life others on the same store take this server's transactions over."
        ) { $0.transactions.lease = $1 },
    ]

    static func parts(of value: String) -> [Substring] {
        value.split { $0 == "," || $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r\n" }
    }
}

extension SigningKey {
    static func all(in parts: [Substring]) throws(CallSignatureError) -> [SigningKey] {
        var keys: [SigningKey] = []
        for part in parts { keys.append(try SigningKey(part)) }
        return keys
    }
}
