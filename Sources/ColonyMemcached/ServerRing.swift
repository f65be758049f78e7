package import ColonyCaches
import ColonyHashing

/// Which server has which key: Ketama's ring, as libmemcached and many other clients place keys.
package struct ServerRing: Sendable {
    private let ring: KetamaRing?

    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the server that cannot be placed.
    package init(_ servers: [MemcachedServer]) throws(CacheError) {
        do {
            let ring = try KetamaRing(servers: servers.map { KetamaServer($0.host, port: $0.port) })
            // One server has all keys, and hashing them costs something.
            self.ring = servers.count == 1 ? nil : ring
        } catch {
            throw CacheError(.invalidConfiguration, "the servers \(servers) cannot share keys: \(error)", cause: error)
        }
    }

    /// The position in the list of the server that has the key.
    ///
    /// The bytes of the key are hashed as memcached stores them, and not their base64.
    package func index(of key: CacheKey) -> Int {
        guard let ring else { return 0 }
        var text = key.rawValue
        return text.withUTF8 { ring.index(forHash: ring.hash(ofKey: UnsafeRawBufferPointer($0))) }
    }
}
