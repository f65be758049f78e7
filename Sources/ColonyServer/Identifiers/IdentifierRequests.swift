import ColonyCore
import ColonyIdentifiers
import NIOCore

/// What is asked for by `POST /v1/ids/{kind}`.
struct IssueRequest {
    var kind: IdentifierKind
    var count: Int
    /// Whose numbers, for `segment` and for nothing else.
    var tag: SegmentTag?

    init(kind: Substring.UTF8View, query: Substring.UTF8View, body: ByteBuffer) throws(Problem) {
        let known = IdentifierKind.allCases.map(\.rawValue)
        let text = PercentDecoding.bytes(of: kind).flatMap { String(validating: $0, as: UTF8.self) }
        guard let text, let kind = IdentifierKind(rawValue: text) else {
            let shown = NameRules.quoted(text ?? String(decoding: kind, as: UTF8.self))
            let hint = EditDistance.nearest(to: text ?? "", among: known).map { "; did you mean \($0)?" } ?? ""
            throw Problem(
                .invalidRequest,
                "\(shown) is no kind of identifier; the kinds are \(known.joined(separator: ", "))\(hint)")
        }
        let parameters = try QueryParameters(query, known: ["count", "tag"])
        self.kind = kind
        self.count = try parameters.integer("count", in: 1...IdentifierService.largestBatch) ?? 1
        switch (kind, parameters["tag"]) {
        case (.segment, let tag?):
            do throws(InvalidName) {
                self.tag = try SegmentTag(tag)
            } catch {
                throw Problem(error)
            }
        case (.segment, nil):
            throw Problem(.invalidRequest, "tag is missing: say whose numbers are wanted, such as ?tag=orders")
        case (_, let tag?):
            throw Problem(
                .invalidRequest,
                "tag is \(NameRules.quoted(tag)), but a \(kind.rawValue) has none; only segment takes one")
        case (_, nil): break
        }
        // Everything is said in the URL; a client that must send a document sends an empty one.
        if body.readableBytes > 0 {
            try body.readJSON([]) { _, _ throws(JSONDefect) in }
        }
    }
}

/// The body of a request for a range.
enum TakeSegmentRequest {
    private static let members: [StaticString] = ["count", "above", "scheme"]

    static func read(_ body: ByteBuffer, of tag: SegmentTag) throws(Problem) -> SegmentRequest {
        var count: Int64?
        var floor: Int64 = 0
        var scheme: String?
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: count = try reader.readDecimal()
            case 1: floor = try reader.readDecimal()
            default: scheme = try reader.readString()
            }
        }
        guard let count else { throw .missing("count") }
        return SegmentRequest(tag, count: count, above: floor, scheme: scheme)
    }
}
