import ColonyBalancing
import ColonyCore
import ColonyProxy
import ColonyResilience
import Yams

/// A value in the configuration file, with where it stands, so that whatever is wrong with it can be pointed at.
///
/// `@unchecked Sendable` because a `Node` is never changed once it was composed, and the library has not marked it.
struct SectionValue: @unchecked Sendable {
    let node: Node
    /// The keys that lead to it, with dots between them.
    let path: String
    /// The file as errors name it.
    let file: String

    /// The value of a key below this one, or of an entry of a list.
    func below(_ name: String, _ node: Node) -> SectionValue {
        SectionValue(node: node, path: self.path.isEmpty ? name : "\(self.path).\(name)", file: self.file)
    }

    /// Whether there is nothing after the key, which is as good as no key.
    var isNull: Bool {
        if case .scalar(let scalar) = self.node { return self.node.tag == Tag(.null) || scalar.string == "~" }
        return false
    }

    /// The text of a single value; `nil` for a mapping or a list.
    var scalar: String? { if case .scalar(let scalar) = self.node { scalar.string } else { nil } }

    /// Whether the text stands between quotes, or in another way that makes it text whatever it looks like.
    var isQuoted: Bool {
        if case .scalar(let scalar) = self.node { scalar.style != .plain && scalar.style != .any } else { false }
    }

    var isMapping: Bool { if case .mapping = self.node { true } else { false } }

    var isList: Bool { if case .sequence = self.node { true } else { false } }

    // MARK: What is wrong

    /// An error that names the file, the line, and the column.
    func refused(_ reason: String) -> DaemonError {
        let place = self.node.mark.map { ", line \($0.line), column \($0.column)" } ?? ""
        return DaemonError(.invalidConfiguration, "\(NameRules.quoted(self.file))\(place): \(reason)")
    }

    func refused(_ error: any Error) -> DaemonError {
        self.refused("\(self.path): \(Self.sentence(of: error))")
    }

    /// That the value should be another.
    func expected(_ what: String) -> DaemonError {
        guard case .scalar(let scalar) = self.node else {
            let kind = if case .mapping = self.node { "a mapping" } else { "a list" }
            return self.refused("\(self.path) must be \(what), not \(kind)")
        }
        return self.refused("\(self.path) must be \(what), not \(NameRules.quoted(scalar.string))")
    }

    static func sentence(of error: any Error) -> String {
        switch error {
        case let error as ProxyError: error.message
        case let error as BalancingError: error.message
        case let error as ResilienceError: error.message
        case let error as DaemonError: error.message
        default: "\(error)"
        }
    }

    // MARK: What it is

    func text() throws(DaemonError) -> String {
        guard case .scalar(let scalar) = self.node, !scalar.string.isEmpty else {
            throw self.expected("text that is not empty")
        }
        return scalar.string
    }

    func integer() throws(DaemonError) -> Int {
        guard case .scalar(let scalar) = self.node, let number = Int(scalar.string) else {
            throw self.expected("a whole number")
        }
        return number
    }

    func number() throws(DaemonError) -> Double {
        guard case .scalar(let scalar) = self.node, let number = Double(scalar.string), number.isFinite else {
            throw self.expected("a number")
        }
        return number
    }

    func duration() throws(DaemonError) -> Duration {
        guard case .scalar(let scalar) = self.node, let duration = try? Duration(text: scalar.string),
            duration >= .zero
        else { throw self.expected("a duration such as 500ms, 10s, or 2m") }
        return duration
    }

    func flag() throws(DaemonError) -> Bool {
        guard case .scalar(let scalar) = self.node, ["true", "false"].contains(scalar.string) else {
            throw self.expected("true or false")
        }
        return scalar.string == "true"
    }

    func choice<Value>(_ choices: [(name: String, value: Value)]) throws(DaemonError) -> Value {
        let names = choices.map(\.name)
        let list = "one of \(names.joined(separator: ", "))"
        guard case .scalar(let scalar) = self.node else { throw self.expected(list) }
        guard let choice = choices.first(where: { $0.name == scalar.string }) else {
            let nearest = EditDistance.nearest(to: scalar.string, among: names)
            let hint = nearest.map { "; did you mean \($0)?" } ?? ""
            throw self.refused("\(self.path) must be \(list), not \(NameRules.quoted(scalar.string))\(hint)")
        }
        return choice.value
    }

    /// Whether it is the word `off`.
    var isOff: Bool { if case .scalar(let scalar) = self.node { scalar.string == "off" } else { false } }

    /// The entries of a list; a single value is a list of one.
    func entries() throws(DaemonError) -> [SectionValue] {
        switch self.node {
        case .sequence(let sequence):
            return sequence.enumerated().map { index, node in
                SectionValue(node: node, path: "\(self.path)[\(index)]", file: self.file)
            }
        case .scalar: return [self]
        default: throw self.expected("a list")
        }
    }

    func texts() throws(DaemonError) -> [String] {
        var texts: [String] = []
        for entry in try self.entries() { texts.append(try entry.text()) }
        return texts
    }

    /// The pairs of a mapping, in the order of the file.
    func members() throws(DaemonError) -> [(key: String, name: SectionValue, value: SectionValue)] {
        guard case .mapping(let mapping) = self.node else {
            throw self.expected("a mapping of keys to values")
        }
        var members: [(key: String, name: SectionValue, value: SectionValue)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                throw self.below("?", key).refused("\(self.path) has a key that is not text")
            }
            members.append((scalar.string, self.below(scalar.string, key), self.below(scalar.string, value)))
        }
        return members
    }
}
