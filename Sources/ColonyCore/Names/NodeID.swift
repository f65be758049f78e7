/// One node of a cluster: a process that takes part, with a name that it keeps over restarts.
///
/// The same rule as for ``LeaseName`` holds: 1 to 255 bytes of UTF-8 without control characters.
public struct NodeID: Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String

    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "node name", value: text, reason: defect)
        }
        self.rawValue = text
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as InvalidName {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    public var description: String { self.rawValue }
}
