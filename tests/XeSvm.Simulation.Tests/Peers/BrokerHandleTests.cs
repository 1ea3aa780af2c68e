using CsCheck;
using XeSvm.Simulation.Peers.Mapping;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>The broker's mappings by handle.</summary>
public class BrokerHandleTests
{
    [Fact]
    public void A_handle_finds_its_mapping_once_and_is_never_given_again() =>
        Gen.Int[0, 99].Array[1, 300].Sample(steps =>
        {
            BrokerHandles handles = new();
            List<(long Handle, BrokerEntry Entry, ulong Mark)> live = [];
            HashSet<long> given = [];
            List<long> ended = [];
            foreach (int step in steps)
            {
                if (step < 60 || live.Count == 0)
                {
                    BrokerEntry entry = handles.Add(default);
                    Assert.Equal(0UL, entry.Linked);
                    entry.Linked = (ulong)given.Count + 1;
                    Assert.True(entry.Handle != 0 && given.Add(entry.Handle));
                    live.Add((entry.Handle, entry, entry.Linked));
                }
                else
                {
                    (long handle, BrokerEntry entry, ulong mark) = live[step % live.Count];
                    live.RemoveAt(step % live.Count);
                    Assert.Same(entry, handles.Take(handle));
                    Assert.Equal(mark, entry.Linked);
                    Assert.Null(handles.Take(handle));
                    handles.Remove(entry);
                    ended.Add(handle);
                }

                Assert.Equal(live.Count, handles.Live);
            }

            Assert.All(ended, handle => Assert.Null(handles.Take(handle)));
            Assert.Null(handles.Take(0));
            Assert.Null(handles.Take(long.MaxValue));
        });

    [Fact]
    public void Threads_get_mappings_of_their_own()
    {
        BrokerHandles handles = new();
        Parallel.For(0, 8, thread =>
        {
            for (int round = 0; round < 2000; round++)
            {
                BrokerEntry entry = handles.Add(default);
                long handle = entry.Handle;
                entry.Linked = (ulong)thread + 1;
                Assert.Same(entry, handles.Take(handle));
                Assert.Equal((ulong)thread + 1, entry.Linked);
                handles.Remove(entry);
            }
        });
        Assert.Equal(0, handles.Live);
    }
}
