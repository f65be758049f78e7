import ColonyCore
import HTTPTypes

/// The conditions that a request puts on the entry it is about.
///
/// - SeeAlso: RFC 9110, sections 13.1.1, 13.1.2, and 13.2.2.
struct Preconditions: Sendable {
    static let none = Preconditions()

    private var matching: EntityTags?
    private var differing: EntityTags?

    private init() {}

    init(_ fields: HTTPFields) throws(Problem) {
        if let text = fields[.ifMatch] { self.matching = try EntityTags(text, of: "If-Match") }
        if let text = fields[.ifNoneMatch] { self.differing = try EntityTags(text, of: "If-None-Match") }
    }

    /// Whether a change of an entry may go ahead.
    ///
    /// - Parameter tag: That of the present entry; `nil` if there is none.
    func allowChange(from tag: String?) -> Bool {
        self.matchHolds(tag) && !(self.differing?.contains(tag, isWeak: true) ?? false)
    }

    /// Whether `If-Match` holds. Weak tags never match there, because this server gives none.
    func matchHolds(_ tag: String?) -> Bool {
        self.matching?.contains(tag, isWeak: false) ?? true
    }

    /// Whether a reader has the present entry already.
    func isKnown(_ tag: String) -> Bool {
        self.differing?.contains(tag, isWeak: true) ?? false
    }
}

/// A list of entity tags, or `*`.
enum EntityTags: Sendable {
    case any
    case listed([(tag: String, isWeak: Bool)])

    /// Reads the value of a header field.
    ///
    /// - Throws: ``Problem`` that quotes a value which is neither `*` nor a list of quoted tags.
    init(_ text: String, of field: String) throws(Problem) {
        let trimmed = Substring(text).trimmingSpaces
        if trimmed == "*" {
            self = .any
            return
        }
        var tags: [(tag: String, isWeak: Bool)] = []
        var rest = trimmed.utf8
        let refusal = Problem(
            .invalidRequest,
            "\(field) is \(NameRules.quoted(text)), which is neither * nor a list of quoted tags such as \"1f\"")
        while true {
            while let byte = rest.first, byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ",") {
                rest = rest.dropFirst()
            }
            if rest.isEmpty { break }
            let isWeak = rest.starts(with: "W/".utf8)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == UInt8(ascii: "\"") else { throw refusal }
            let start = rest.startIndex
            rest = rest.dropFirst()
            while let byte = rest.first, byte != UInt8(ascii: "\"") {
                guard byte >= 0x21, byte != 0x7F else { throw refusal }
                rest = rest.dropFirst()
            }
            guard !rest.isEmpty else { throw refusal }
            rest = rest.dropFirst()
            tags.append((String(Substring(trimmed.utf8[start..<rest.startIndex])), isWeak))
            if let byte = rest.first, byte != UInt8(ascii: ","), byte != 0x20, byte != 0x09 { throw refusal }
        }
        guard !tags.isEmpty else { throw refusal }
        self = .listed(tags)
    }

    /// Whether the tag of an entry is among these; no tag is not even among all.
    ///
    /// - Parameter isWeak: Whether a tag that is marked as weak counts.
    func contains(_ tag: String?, isWeak: Bool) -> Bool {
        guard let tag else { return false }
        switch self {
        case .any: return true
        case .listed(let tags): return tags.contains { $0.tag == tag && (isWeak || !$0.isWeak) }
        }
    }
}
