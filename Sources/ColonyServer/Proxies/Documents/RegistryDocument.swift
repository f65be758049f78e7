import ColonyCore

/// `registry`: a service whose instances are endpoints.
struct RegistryDocument: Sendable {
    var service: LeaseName?

    private static let keys: [SectionKey<RegistryDocument>] = [
        SectionKey("service") { value, registry throws(DaemonError) in registry.service = try Self.name(value) }
    ]

    static func read(_ value: SectionValue) throws(DaemonError) -> LeaseName {
        if value.scalar != nil { return try Self.name(value) }
        let document = try value.read(Self.keys, into: RegistryDocument())
        guard let service = document.service else { throw value.refused("\(value.path) has no service") }
        return service
    }

    private static func name(_ value: SectionValue) throws(DaemonError) -> LeaseName {
        let text = try value.text()
        // The registry keeps a prefix of its own before it.
        guard text.utf8.count <= 247 else {
            throw value.refused("\(value.path): \(NameRules.quoted(text)) has more than 247 bytes")
        }
        do throws(InvalidName) {
            return try LeaseName(text)
        } catch {
            throw value.refused(error)
        }
    }
}
