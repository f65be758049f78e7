public import ColonyCluster
public import ColonyCoordination
public import ColonyCore

/// Seeds from a registry, in which every node is registered with the address by which others know it.
///
/// ```swift
/// let node = ClusterNode(try .init(…, seedSource: RegistrySeeds(registry, service: "orders-cluster"), …))
/// // while `node.run()` runs, and `node.address` is known:
/// let registration = try await registry.register(
///     ServiceInstance(id: "node-1", address: address.host, port: Int(address.port)), as: "orders-cluster")
/// ```
///
/// Whoever is registered and cannot be a member, such as for its port, is passed over. While the registry does not answer, a node starts no cluster of its own.
public struct RegistrySeeds: ClusterSeedSource {
    private let registry: Registry
    private let service: LeaseName

    /// Makes a source that asks for the instances of a service.
    public init(_ registry: Registry, service: LeaseName) {
        self.registry = registry
        self.service = service
    }

    /// The addresses of all instances.
    ///
    /// - Throws: `CoordinationError` with code `unavailable` if the registry does not answer in time.
    public func seeds() async throws -> [MemberAddress] {
        try await self.registry.instances(of: self.service).instances.compactMap { instance in
            try? MemberAddress(host: instance.address, port: instance.port)
        }
    }
}
