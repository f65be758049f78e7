import ColonyCore
import ColonyIdentifiers
import Foundation
import NIOCore

extension IdentifierService {
    // MARK: One identifier

    /// Takes an identifier apart.
    func read(_ id: Substring.UTF8View, query: Substring.UTF8View) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        guard let bytes = PercentDecoding.bytes(of: id), let text = String(validating: bytes, as: UTF8.self) else {
            let shown = NameRules.quoted(String(decoding: id, as: UTF8.self))
            throw Problem(.malformedID, "\(shown) is no identifier: it is not percent-encoded UTF-8")
        }
        let parsed: ParsedIdentifier
        do {
            parsed = try ParsedIdentifier(text: text, layout: self.settings.layout)
        } catch {
            throw Problem(error)
        }
        return Answer { body in
            switch parsed {
            case .snowflake(let id, let parts):
                Self.begin(id.description, kind: "snowflake", time: parts.time, to: &body)
                body.writeJSON(#","datacenter":"#)
                body.writeJSON(parts.datacenter)
                body.writeJSON(#","worker":"#)
                body.writeJSON(parts.worker)
                body.writeJSON(#","sequence":"#)
                body.writeJSON(parts.sequence)
                body.writeJSON(#","layout":"#)
                body.writeJSON(string: self.settings.layoutName)
            case .uuid(let uuid):
                Self.begin(Self.text(of: uuid), kind: "uuid", time: uuid.time, to: &body)
                body.writeJSON(#","version":"#)
                body.writeJSON(uuid.version)
                body.writeJSON(#","variant":"#)
                body.writeJSON(string: Self.variant(of: uuid))
            case .ulid(let ulid):
                Self.begin(ulid.description, kind: "ulid", time: ulid.time, to: &body)
            }
            body.writeJSON("}")
        }
    }

    private static func begin(_ id: String, kind: StaticString, time: WallTime?, to body: inout ByteBuffer) {
        body.writeJSON(#"{"id":"#)
        body.writeJSON(string: id)
        body.writeJSON(#","kind":""#)
        body.writeStaticString(kind)
        body.writeJSON("\"")
        guard let time else { return }
        // RFC 3339 has four digits for the year, and a ULID reaches further.
        if time.millisecondsSince1970 < Self.endOfRFC3339 {
            body.writeJSON(#","time":"#)
            body.writeJSON(string: time.rfc3339)
        }
        body.writeJSON(#","time_ms":"#)
        body.writeJSON(time.millisecondsSince1970)
    }

    /// The first moment of the year 10000.
    private static let endOfRFC3339: Int64 = 253_402_300_800_000

    /// The variants that ``variant(of:)`` gives.
    static let variants = ["ncs", "rfc9562", "microsoft", "future"]

    /// Which family the layout of a UUID belongs to.
    ///
    /// - SeeAlso: RFC 9562, section 4.1, table 1.
    private static func variant(of uuid: UUID) -> String {
        let bits = uuid.words.low >> 61
        return switch bits {
        case 0..<4: "ncs"
        case 4, 5: "rfc9562"
        case 6: "microsoft"
        default: "future"
        }
    }

    // MARK: The daemon's own

    /// What is issued here, and how the worker number stands.
    func status(query: Substring.UTF8View) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let node = self.keeper?.status
        return Answer(capacity: 384) { body in
            body.writeJSON(#"{"kinds":["#)
            let kinds = IdentifierKind.allCases.filter { self.segments != nil || !$0.needsStore }
            for (index, kind) in kinds.enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(string: kind.rawValue)
            }
            body.writeJSON("]")
            if let segments {
                // Whoever reaches the daemon reaches its ranges, whatever reaches the store underneath.
                body.writeJSON(#","guarantee":{"reach":"network","survival":"#)
                body.writeJSON(string: "\(segments.guarantee.survival)")
                body.writeJSON("}")
            }
            body.writeJSON(#","namespace":"#)
            body.writeJSON(string: self.settings.namespace)
            body.writeJSON(#","layout":"#)
            body.writeJSON(string: self.settings.layoutName)
            body.writeJSON(#","datacenter":"#)
            body.writeJSON(self.settings.datacenter)
            if let node {
                body.writeJSON(#","state":"#)
                body.writeJSON(string: node.phase.rawValue)
                if let worker = node.worker {
                    body.writeJSON(#","worker":"#)
                    body.writeJSON(worker)
                }
                body.writeJSON(#","leased":"#)
                body.writeJSON(node.isLeased)
                if let reserved = node.reservedThrough {
                    body.writeJSON(#","reserved_until":"#)
                    body.writeJSON(string: reserved.rfc3339)
                    body.writeJSON(#","reserved_until_ms":"#)
                    body.writeJSON(reserved.millisecondsSince1970)
                }
                if let failure = node.failure {
                    let problem = Problem(failure)
                    body.writeJSON(#","failure":{"code":"#)
                    body.writeJSON(string: problem.code.rawValue)
                    body.writeJSON(#","detail":"#)
                    body.writeJSON(string: problem.detail)
                    body.writeJSON("}")
                }
            }
            body.writeJSON("}")
        }
    }
}

extension IdentifierKind {
    /// Whether the identifiers are made of ranges that a store gave.
    fileprivate var needsStore: Bool { self == .snowflake || self == .segment }
}
