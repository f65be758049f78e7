import ColonyCore
import ColonyProxy

/// `headers` of a route: names of header fields with what must hold of them.
///
/// `true` is that the field is there, `false` that it is not, and text is its value.
struct HeaderMatchDocument: Sendable {
    var tests: [HeaderMatch.Test] = []

    private static let keys: [SectionKey<HeaderMatchDocument>] = [
        SectionKey("present") { value, match throws(DaemonError) in
            match.tests.append(try value.flag() ? .present : .absent)
        },
        SectionKey("exact") { value, match throws(DaemonError) in match.tests.append(.exact(try value.text())) },
        SectionKey("prefix") { value, match throws(DaemonError) in match.tests.append(.prefix(try value.text())) },
        SectionKey("contains") { value, match throws(DaemonError) in
            match.tests.append(.contains(try value.text()))
        },
    ]

    static func readAll(_ value: SectionValue) throws(DaemonError) -> [HeaderMatch] {
        var matches: [HeaderMatch] = []
        for member in try value.members() {
            for test in try Self.tests(member.value) {
                do throws(ProxyError) {
                    matches.append(try HeaderMatch(member.key, test))
                } catch {
                    throw member.value.refused(error)
                }
            }
        }
        return matches
    }

    private static func tests(_ value: SectionValue) throws(DaemonError) -> [HeaderMatch.Test] {
        if let scalar = value.scalar {
            // What stands between quotes is text, also if it looks like something else.
            guard !value.isQuoted else { return [.exact(scalar)] }
            switch scalar {
            case "true": return [.present]
            case "false": return [.absent]
            default: return [.exact(try value.text())]
            }
        }
        let tests = try value.read(Self.keys, into: HeaderMatchDocument()).tests
        guard !tests.isEmpty else { throw value.refused("\(value.path) says nothing of the field") }
        return tests
    }
}
