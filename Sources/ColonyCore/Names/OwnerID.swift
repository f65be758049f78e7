import Synchronization

/// Who holds or wants a lease.
///
/// An owner is one acquisition, not one machine: two tasks of a process that use the same owner share what it holds.
/// ``unique()`` makes an owner that nobody else has, at the cost of one atomic addition. An owner that comes from
/// outside, such as a client of the daemon, is any text of 1 to 255 bytes without control characters.
public struct OwnerID: Sendable {
    private enum Identity: Hashable, Sendable {
        case generated(process: UInt64, sequence: UInt64)
        case named(bytes: [UInt8])
    }

    private let identity: Identity

    /// Makes an owner from text that comes from outside.
    ///
    /// The text of an owner made by ``unique()`` gives back an owner equal to it.
    ///
    /// - Throws: ``InvalidName``, which quotes the text and says what is wrong with it.
    public init(_ text: String) throws(InvalidName) {
        if let defect = NameRules.defect(in: text) {
            throw InvalidName(role: "owner", value: text, reason: defect)
        }
        self.identity = Self.parseGenerated(text) ?? .named(bytes: Array(text.utf8))
    }

    private init(identity: Identity) {
        self.identity = identity
    }

    /// An owner that no other call, process, or host has been given.
    ///
    /// It is made of 64 random bits, drawn once per process, and a counter. Two of *n* processes share their random
    /// bits with a probability of about *n*² / 2⁶⁵.
    ///
    /// - Complexity: One atomic addition; no system call and no allocation.
    public static func unique() -> OwnerID {
        let sequence = Self.sequence.wrappingAdd(1, ordering: .relaxed).newValue
        return OwnerID(identity: .generated(process: Self.process, sequence: sequence))
    }

    /// The owner as text, as it appears in stores, logs, and the console.
    public var rawValue: String {
        switch self.identity {
        case .generated(let process, let sequence):
            "\(NameRules.hexadecimal(process, digits: 16).lowercased())-\(sequence)"
        case .named(let bytes):
            String(decoding: bytes, as: UTF8.self)
        }
    }

    private static let process = UInt64.random(in: .min ... .max)
    private static let sequence = Atomic<UInt64>(0)

    private static func parseGenerated(_ text: String) -> Identity? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard
            parts.count == 2, parts[0].utf8.count == 16,
            let process = UInt64(parts[0], radix: 16), let sequence = UInt64(parts[1])
        else { return nil }
        // Only the one spelling that `rawValue` produces may stand for a generated owner, or two texts would be equal.
        let identity = Identity.generated(process: process, sequence: sequence)
        return OwnerID(identity: identity).rawValue.utf8.elementsEqual(text.utf8) ? identity : nil
    }
}

extension OwnerID: ExpressibleByStringLiteral {
    /// Makes an owner from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        do {
            try self.init(value)
        } catch {
            preconditionFailure(error.description)
        }
    }
}

extension OwnerID: Hashable, CustomStringConvertible {
    public var description: String { self.rawValue }
}

extension OwnerID: Codable {
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
}
