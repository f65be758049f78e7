/// The right to say how one delivery of a message ended.
///
/// It names the delivery and not the message: when the lease has run out and the message is delivered again, the earlier
/// receipt is refused as stale, whoever shows it. A receipt that nobody was given is refused in the same way: it carries a
/// number that was drawn for the delivery.
public struct Receipt: Hashable, Sendable {
    /// Which message was delivered.
    public let message: MessageID
    /// Which delivery of it, from 1.
    public let attempt: Int
    /// What was drawn for this delivery, so that a receipt cannot be guessed.
    package let nonce: UInt64

    package init(message: MessageID, attempt: Int, nonce: UInt64) {
        self.message = message
        self.attempt = attempt
        self.nonce = nonce
    }
}

extension Receipt: LosslessStringConvertible, Codable {
    /// Reads what ``description`` has written; `nil` for anything else.
    public init?(_ description: String) {
        let parts =
            description.utf8.count <= 64 ? description.split(separator: "-", omittingEmptySubsequences: false) : []
        guard parts.count == 3, let message = Int64(parts[0]), message > 0, let attempt = Int(parts[1]), attempt > 0,
            parts[2].utf8.count == 16, let nonce = UInt64(parts[2], radix: 16)
        else { return nil }
        self.init(message: MessageID(rawValue: message), attempt: attempt, nonce: nonce)
        // One receipt, one spelling.
        guard self.description == description else { return nil }
    }

    /// Message, attempt, and the number that was drawn, such as `17-2-00c0ffee00c0ffee`.
    public var description: String {
        let digits = String(self.nonce, radix: 16)
        return "\(self.message)-\(self.attempt)-\(String(repeating: "0", count: 16 - digits.count))\(digits)"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let receipt = Receipt(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\"\(text.prefix(64))\" is no receipt")
        }
        self = receipt
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}
