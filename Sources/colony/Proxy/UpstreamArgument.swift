import ArgumentParser
import ColonyBalancing
import ColonyCore

/// An endpoint on the command line: an address, and after commas what else is known of it.
struct UpstreamArgument {
    let endpoint: Endpoint

    /// Reads `HOST:PORT[,name=NAME][,weight=N][,zone=ZONE][,priority=N]`.
    init(_ text: String) throws {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var fields: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, Self.known.contains(pair[0]) else {
                throw ValidationError(
                    "--upstream \(NameRules.quoted(text)): \(NameRules.quoted(part)) is none of "
                        + Self.known.map { "\($0)=…" }.joined(separator: ", ") + ".")
            }
            guard fields.updateValue(pair[1], forKey: pair[0]) == nil else {
                throw ValidationError("--upstream \(NameRules.quoted(text)) has \(pair[0]) twice.")
            }
        }
        do {
            self.endpoint = try Endpoint(
                parts[0], name: try fields["name"].map { try EndpointName($0) },
                weight: try Self.number(fields["weight"], "weight", text) ?? 1, zone: fields["zone"],
                priority: try Self.number(fields["priority"], "priority", text) ?? 0)
        } catch let error as BalancingError {
            throw ValidationError("--upstream: \(error.message).")
        } catch let error as InvalidName {
            throw ValidationError("--upstream: \(error).")
        }
    }

    private static let known = ["name", "weight", "zone", "priority"]

    private static func number(_ text: String?, _ name: String, _ whole: String) throws -> Int? {
        guard let text else { return nil }
        guard let number = Int(text) else {
            throw ValidationError(
                "--upstream \(NameRules.quoted(whole)): the \(name) \(NameRules.quoted(text)) is not a whole number.")
        }
        return number
    }
}
