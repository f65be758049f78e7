#if ZooKeeper
import ColonyZooKeeper
import Testing

@Suite struct ZooKeeperLeaseEngineTests {
    @Test func `it is linked`() {}
}
#endif
