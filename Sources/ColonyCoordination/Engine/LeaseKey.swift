import ColonyCore

/// What is held or waited for, within this process: a name at one engine. Leases and permits of one name do not meet.
struct LeaseKey: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case lease, permits }

    let engine: ObjectIdentifier
    let kind: Kind
    let name: LeaseName

    init(_ engine: any LeaseEngine, _ name: LeaseName, _ kind: Kind = .lease) {
        self.engine = ObjectIdentifier(engine)
        self.kind = kind
        self.name = name
    }
}
