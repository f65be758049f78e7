/// By what a journal refers to a definition: its name and its version.
///
/// Versions live side by side: transactions that were begun with one are ended with it, whatever newer ones there are.
public struct DefinitionKey: Hashable, Sendable, CustomStringConvertible {
    /// The name.
    public var name: DefinitionName
    /// The version, from 1.
    public var version: Int

    /// Makes a key.
    public init(_ name: DefinitionName, version: Int) {
        self.name = name
        self.version = version
    }

    public var description: String { "\(self.name) version \(self.version)" }
}

extension DefinitionKey {
    /// A key from what a definition says of itself.
    init(checking name: String, version: Int) throws(TransactionError) {
        guard version >= 1 else {
            throw TransactionError(.invalidDefinition, "a definition cannot have the version \(version): from 1")
        }
        do {
            self.init(try DefinitionName(name), version: version)
        } catch {
            throw TransactionError(.invalidDefinition, "\(error)", cause: error)
        }
    }
}
