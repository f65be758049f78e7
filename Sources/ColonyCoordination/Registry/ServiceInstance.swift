public import ColonyCore

/// One instance of a service, as it is found by others.
///
/// In the store it is JSON, so that programs in any language can read and write it:
/// `{"address":"10.0.0.7","health":"healthy","id":"orders-1","metadata":{"version":"1.4"},"port":8080,"weight":1,"zone":"eu-1"}`,
/// the value of the ephemeral record `id` in the group `service/NAME`. `id`, `address`, and `port` must be there; what else is left
/// out has its default, and what is not known is ignored.
public struct ServiceInstance: Hashable, Sendable, Codable {
    /// What an instance says of its ability to work. Others than those named here may come from other programs.
    public struct Health: RawRepresentable, Hashable, Sendable, Codable {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        /// It takes work.
        public static let healthy = Health(rawValue: "healthy")
        /// It lives, and its own checks fail: send work elsewhere if there is an elsewhere.
        public static let unhealthy = Health(rawValue: "unhealthy")
        /// It finishes what it has and takes no new work.
        public static let draining = Health(rawValue: "draining")
    }

    /// Which instance: the key of its record, 1 to 255 bytes of UTF-8 without control characters.
    public let id: LeaseName
    /// A host name or an address, without the port.
    public var address: String
    /// From 1 to 65535 for TCP and UDP; 0 for what has no port.
    public var port: Int
    /// What else is to be known, such as a version. All of the record has at most 65,536 bytes.
    public var metadata: [String: String]
    /// Whether to send work there.
    public var health: Health
    /// Its share of the work beside others: zero or more, 1 by default.
    public var weight: Int
    /// Where it is, for callers that prefer what is near.
    public var zone: String?

    /// Makes an instance; what is not named has its default.
    public init(
        id: LeaseName, address: String, port: Int, metadata: [String: String] = [:], health: Health = .healthy,
        weight: Int = 1, zone: String? = nil
    ) {
        self.id = id
        self.address = address
        self.port = port
        self.metadata = metadata
        self.health = health
        self.weight = weight
        self.zone = zone
    }

    private enum CodingKeys: String, CodingKey { case id, address, port, metadata, health, weight, zone }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.id = try container.decode(LeaseName.self, forKey: .id)
        self.address = try container.decode(String.self, forKey: .address)
        self.port = try container.decode(Int.self, forKey: .port)
        self.metadata = try container.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:]
        self.health = try container.decodeIfPresent(Health.self, forKey: .health) ?? .healthy
        self.weight = try container.decodeIfPresent(Int.self, forKey: .weight) ?? 1
        self.zone = try container.decodeIfPresent(String.self, forKey: .zone)
    }

    /// Refuses what others could make nothing of, with an error that quotes the value.
    func check() throws(CoordinationError) {
        guard (0...65_535).contains(self.port) else {
            throw CoordinationError(
                .invalidRequest, "the port \(self.port) of \(self.id) is not possible: from 0 to 65535")
        }
        guard self.weight >= 0 else {
            throw CoordinationError(
                .invalidRequest, "the weight \(self.weight) of \(self.id) is not possible: zero or more")
        }
        guard !self.address.isEmpty else {
            throw CoordinationError(.invalidRequest, "the address of \(self.id) is empty")
        }
    }
}
