import ColonyCoordination
import ColonyCore
import NIOCore

/// The bodies and parameters that the routes of the registry take, read strictly.
struct PutRecordRequest {
    var value: [UInt8]
    var lifetime: RegistryWrite.Lifetime
    var condition: RegistryCondition

    /// The longest body: a value in base 64 or with every byte escaped, and what stands around it.
    static let bodyBytes = RegistryLimits.value * 6 + 4_096

    private static let members: [StaticString] = [
        "value", "value_base64", "owner", "ttl_ms", "if_absent", "if_version", "if_owner",
    ]

    init(_ body: ByteBuffer) throws(Problem) {
        var values: [[UInt8]] = []
        var owner: OwnerID?
        var duration: Duration?
        // Also one that says nothing is one that is named.
        var conditions: [RegistryCondition] = []
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: values.append(try reader.readText())
            case 1: values.append(try reader.readBase64())
            case 2: owner = try reader.readOwner()
            case 3: duration = try reader.readDuration(in: LeaseLimits.duration)
            case 4: conditions.append(try reader.readBool() ? .absent : .always)
            case 5: conditions.append(.version(RegistryRevision(rawValue: try reader.readUnsigned())))
            default: conditions.append(.owner(try reader.readOwner()))
            }
        }
        guard let value = values.first else { throw .missing("value") }
        if values.count > 1 { throw Problem(.invalidRequest, "the record has both a value and a value_base64") }
        if conditions.count > 1 { throw .manyConditions }
        guard value.count <= RegistryLimits.value else {
            throw Problem(
                .invalidRequest,
                "value is refused: it has \(value.count) bytes, and \(RegistryLimits.value) are the most")
        }
        self.value = value
        self.condition = conditions.first ?? .always
        switch (owner, duration) {
        case (nil, nil): self.lifetime = .permanent
        case (let owner?, let duration?): self.lifetime = .ephemeral(owner: owner, duration: duration)
        case (nil, _?):
            throw Problem(.invalidRequest, "ttl_ms is given without an owner, who alone can renew the record")
        case (_?, nil):
            throw Problem(.invalidRequest, "owner is given without a ttl_ms; a record that stays for ever has no owner")
        }
    }
}

struct RenewRecordRequest {
    var owner: OwnerID
    var duration: Duration

    private static let members: [StaticString] = ["owner", "ttl_ms"]

    init(_ body: ByteBuffer) throws(Problem) {
        var owner: OwnerID?
        var duration: Duration?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: owner = try reader.readOwner()
            default: duration = try reader.readDuration(in: LeaseLimits.duration)
            }
        }
        guard let owner else { throw .missing("owner") }
        guard let duration else { throw .missing("ttl_ms") }
        self.owner = owner
        self.duration = duration
    }
}

/// Under which condition a record is removed.
struct RemovalQuery {
    var condition: RegistryCondition

    init(_ query: Substring.UTF8View) throws(Problem) {
        let parameters = try QueryParameters(query, known: ["if_version", "if_owner"])
        let version = try parameters.integer("if_version", in: 0...UInt64.max)
        switch (version, parameters["if_owner"]) {
        case (_?, _?): throw .manyConditions
        case (let version?, nil): self.condition = .version(RegistryRevision(rawValue: version))
        case (nil, nil): self.condition = .always
        case (nil, let text?):
            do throws(InvalidName) {
                self.condition = .owner(try OwnerID(text))
            } catch {
                throw Problem(error)
            }
        }
    }
}

extension Problem {
    static var manyConditions: Problem {
        Problem(.invalidRequest, "one condition is possible, and not several of if_absent, if_version, and if_owner")
    }
}
