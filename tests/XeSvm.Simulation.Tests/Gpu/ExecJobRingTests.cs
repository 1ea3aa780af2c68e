using CsCheck;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed class ExecJobRingTests
{
    [Fact]
    public void It_agrees_with_a_queue_while_it_grows_and_wraps() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[-30, 40].List[1, 60]).Sample((width, steps) =>
        {
            const int limit = 100;
            var ring = new ExecJobRing(width, limit);
            var model = new Queue<long>();
            long next = 1;
            foreach (int step in steps)
            {
                for (int put = 0; put < step && model.Count < limit; put++, next++)
                {
                    ring.Put(next, model.Count, [.. Enumerable.Range(0, width).Select(slot => ((ulong)next * 10) + (ulong)slot)], Fence(next));
                    model.Enqueue(next);
                }

                for (int get = 0; get > step && model.Count > 0; get--)
                {
                    long expected = model.Dequeue();
                    var batches = new ulong[width];
                    ring.Get(expected, batches, out UserFenceWrite? fence);
                    Assert.Equal(Enumerable.Range(0, width).Select(slot => ((ulong)expected * 10) + (ulong)slot), batches);
                    Assert.Equal(Fence(expected), fence);
                }
            }
        });

    private static UserFenceWrite? Fence(long sequence) => sequence % 2 == 0 ? null : new UserFenceWrite((ulong)sequence, 7);
}
