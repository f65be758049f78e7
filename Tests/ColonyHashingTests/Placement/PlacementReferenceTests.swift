import ColonyHashing
import Testing

/// The data were computed by libmemcached and by Python packages; `Reference/placements.py` names them.
@Suite("Placements agree with independent implementations")
struct PlacementReferenceTests {
    let reference: ReferencePlacements

    init() throws {
        self.reference = try ReferencePlacements.load()
    }

    @Test("Ketama places every key where libmemcached 1.1.4 does, for all lists, ports, and weights")
    func ketamaAgreesWithLibmemcached() throws {
        #expect(self.reference.ketama.count >= 20)
        for list in self.reference.ketama {
            let ring = try KetamaRing(
                list.servers.map { PlacementMember(KetamaServer($0.host, port: $0.port), weight: $0.weight) })
            let owners = self.reference.keys.map { ring.index(forHash: ring.hash(ofKey: $0)) }
            #expect(owners == list.owners, "the list \(list.name)")
        }
    }

    @Test("Jump gives the buckets of the Python package for every number of buckets")
    func jumpAgrees() throws {
        let hashes = try self.reference.jump.hashes.map { try #require(UInt64($0)) }
        for reference in self.reference.jump.cases {
            let buckets = hashes.map { JumpBucket.number(forHash: $0, of: reference.buckets) }
            #expect(buckets == reference.owners, "\(reference.buckets) buckets")
        }
    }

    @Test("Maglev fills its table as the pseudo-code of the paper, section 3.4, says, with and without weights")
    func maglevAgrees() throws {
        for reference in self.reference.maglev {
            let table = try MaglevTable(
                reference.weights.map { PlacementMember($0.key, weight: $0.value) }, tableSize: reference.size)
            #expect(table.nodes == reference.names)
            #expect(Array(table.slotOwners.prefix(reference.slots.count)) == reference.slots)
            let bytes = table.slotOwners.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
            #expect(String(XXH64.hash(bytes)) == reference.checksum, "\(reference.size) slots")
        }
    }

    @Test("The ring places keys and replicas as its description says")
    func ringAgrees() throws {
        for reference in self.reference.ring {
            let ring = try HashRing(
                reference.weights.map { PlacementMember($0.key, weight: $0.value) },
                pointsPerUnitWeight: reference.points)
            #expect(ring.nodes == reference.names)
            #expect(self.reference.keys.map { ring.index(forHash: ring.hash(ofKey: $0)) } == reference.owners)
            for (key, replicas) in zip(self.reference.keys, reference.replicas) {
                #expect(try ring.indices(forHash: ring.hash(ofKey: key), count: replicas.count) == replicas)
            }
        }
    }

    @Test("Rendezvous chooses the node with the largest -w / ln u by the C library's logarithm")
    func rendezvousAgrees() throws {
        for reference in self.reference.rendezvous {
            let placement = try RendezvousHash(
                reference.weights.map { PlacementMember($0.key, weight: $0.value) })
            #expect(placement.nodes == reference.names)
            let owners = self.reference.keys.map { placement.index(forHash: placement.hash(ofKey: $0)) }
            #expect(owners == reference.owners)
        }
    }
}
