#if Etcd
import ColonyEtcd
import Testing

@Suite struct EtcdLeaseEngineTests {
    @Test func `it is linked`() {}
}
#endif
