using System.Text;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of another process whose device pages really leave its page table: a CPU-fault pump in that process takes them out and brings
/// them home, without asking anybody. VRAM that holds them is memory which that process and this one share, and no other client sees.
/// Before the pump is there, and where it cannot be had, no page leaves.
/// </summary>
internal sealed unsafe class RemoteFaultingMemory(RemoteAddressSpace space, TimeSpan patience) : ClientMemory, IRemoteClientMemory
{
    private const int PresentWords = PageConstants.BlockPages / 64;
    private static readonly int s_eventsAtOnce = PumpProtocol.DataBytes / sizeof(xesvm_pump_event);
    private readonly Lock _settleLock = new();
    private readonly RemotePump _pump = new(patience);
    private readonly SharedVram _vram = new();
    private readonly StagingPool _staging = new();
    private readonly SplitBoundaries _boundaries = new();
    private int _refused;

    public ClientMemory Memory => this;

    public RemotePump Pump => _pump;

    public override CpuFaultMode Mode => _pump.Mode;

    public override string ModeReason => _refused == 0
        ? "The client is another process: userfaultfd resolves its CPU faults there."
        : $"The client has no userfaultfd: {Errno.Describe(_refused)}. Its memory stays where it is.";

    /// <summary>Whether the client is to start its pump.</summary>
    public bool WantsPump => !Notifiers.IsEmpty && !_pump.IsConnected && !_pump.IsBroken && _refused == 0 && !space.IsGone;

    /// <summary>The client cannot have a pump.</summary>
    public void RefusePump(int error) => _refused = error;

    public void SetGone()
    {
        if (space.SetGone())
        {
            _pump.Break();
            Notifiers.Invalidate(0, ulong.MaxValue & ~PageConstants.PageMask, MmuEvent.Unmap);
        }
    }

    public void DropDevicePages() => Drop(0, ulong.MaxValue & ~PageConstants.PageMask);

    /// <remarks>Device pages stay: the kernel tells the pump what became of them when the change has been made.</remarks>
    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        if (!space.IsGone)
        {
            Notifiers.Quiesce(start, end);
        }

        if (reason == MmuEvent.Unmap)
        {
            Mappings.Remove(start, end);
        }

        Notifiers.Invalidate(start, end, reason);
    }

    public override void Settle()
    {
        xesvm_pump_event* events = stackalloc xesvm_pump_event[s_eventsAtOnce];
        lock (_settleLock)
        {
            // As many as a ring can hold: a client that has new ones for ever does not keep this thread.
            long rounds = (_vram.MostEvents / s_eventsAtOnce) + 1;
            int count;
            do
            {
                count = _pump.TakeEvents(events, s_eventsAtOnce);
                for (int i = 0; i < count; i++)
                {
                    if (!PumpEventCheck.IsPlausible(this, events[i]))
                    {
                        _pump.Break();
                        return;
                    }

                    PumpAccounts.Settle(this, events[i]);
                }
            }
            while (count == s_eventsAtOnce && --rounds > 0);
        }
    }

    public override void FormatCounters(StringBuilder text) => _pump.FormatCounters(text);

    public override int Read(ulong address, void* destination, nuint length)
    {
        int result = space.Read(address, destination, length);
        return ShouldRetry(result, address, length) ? space.Read(address, destination, length) : result;
    }

    public override int Write(ulong address, void* source, nuint length)
    {
        int result = space.Write(address, source, length);
        return ShouldRetry(result, address, length) ? space.Write(address, source, length) : result;
    }

    /// <remarks>The client does it, so it is atomic against its CPU.</remarks>
    public override int Add(ulong address, int addend)
    {
        if (!_pump.IsConnected)
        {
            return space.Add(address, addend);
        }

        var request = new PumpRequestMessage { Call = PumpCall.ClientAdd, A = address, D = (ulong)(long)addend };
        int result = AsFault(_pump.Call(request, out _));
        return ShouldRetry(result, address, sizeof(int)) ? AsFault(_pump.Call(request, out _)) : result;
    }

    public override int FindVma(ulong address, out ClientVma vma) => space.FindVma(address, out vma);

    public override bool IsPopulated(ulong address, int pages) => space.IsPopulated(address, pages, Residency);

    public override int Populate(ulong address, int pages, bool write)
    {
        RecordMappings(address, address + ((ulong)pages << PageConstants.PageShift));
        return _pump.IsConnected
            ? AsFault(_pump.Call(new PumpRequestMessage { Call = PumpCall.Populate, A = address, B = (ulong)pages, C = write ? 1u : 0 }, out _))
            : space.Populate(address, pages, write);
    }

    public override int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation)
    {
        isolation = default;
        _boundaries.Add(address, address + ((ulong)pages << PageConstants.PageShift));
        int result = AskPrompt(
            new PumpRequestMessage { Call = PumpCall.Isolate, A = address, B = (ulong)pages, C = Nanoseconds(hold) }, out PumpValues values);
        if (result < 0)
        {
            return result;
        }

        isolation.Id = values[0];
        isolation.Address = address;
        isolation.Pages = pages;
        isolation.Staging = _staging.Take();
        for (int word = 0; word < PresentWords; word++)
        {
            isolation.SetPresent(word, values[2 + word]);
        }

        if (ReadStaging(isolation, values[1]) < 0)
        {
            Abort(isolation);
            return -Errno.EFAULT;
        }

        return 0;
    }

    public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold)
    {
        int result = _vram.Find(vram, out ulong device, out ulong offset);
        if (result == 0)
        {
            result = AskPrompt(
                new PumpRequestMessage { Call = PumpCall.Commit, A = isolation.Id, B = device, C = offset, D = allocation, E = Nanoseconds(hold) }, out _);
        }

        if (result is 0 or -Errno.EBUSY)
        {
            _staging.Return(isolation.Staging);
        }

        return result;
    }

    public override int Abort(in PageIsolation isolation)
    {
        int result = AskPrompt(new PumpRequestMessage { Call = PumpCall.Abort, A = isolation.Id }, out _);
        _staging.Return(isolation.Staging);
        return result;
    }

    public override int BeginRelocation(DeviceMemoryAllocation from, byte* vram) => _vram.Find(vram, out ulong device, out ulong offset) < 0
        ? -Errno.EBUSY
        : AskPrompt(
            new PumpRequestMessage
            {
                Call = PumpCall.RelocateBegin,
                A = from.Start,
                B = device,
                C = offset,
                D = from.Cookie,
                E = (ulong)from.Pages,
            },
            out _);

    public override int EndRelocation(DeviceMemoryAllocation from, ulong cookie, DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        if (_vram.Find(vram, out ulong device, out ulong offset) < 0)
        {
            return -Errno.EBUSY;
        }

        // No event is settled between the two: what has left the new place finds its allocation, and what had left the old one the old one.
        lock (_settleLock)
        {
            int result = AskPrompt(
                new PumpRequestMessage
                {
                    Call = PumpCall.RelocateEnd,
                    A = to.Start,
                    B = device,
                    C = offset,
                    D = cookie,
                    E = Nanoseconds(hold),
                    F = to.Cookie,
                },
                out _);
            if (result == 0 && !Residency.EndMove(from, cookie, to))
            {
                // It has told both: that the pages went home, and that they moved.
                _pump.Break();
                return -Errno.EFAULT;
            }

            return result;
        }
    }

    public override void AbortRelocation(DeviceMemoryAllocation from, ulong cookie, ulong start)
    {
        // That pages have left meanwhile is no error here: they are where they should be.
        _ = AskPrompt(new PumpRequestMessage { Call = PumpCall.RelocateEnd, A = start, B = PumpProtocol.NoDevice, D = cookie }, out _);
        Residency.EndMove(from, cookie, null);
    }

    public override bool CanJoin => true;

    public override int Join(MigrationParts parts, DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        ReadOnlySpan<PageIsolation> isolated = parts.Isolations;
        ReadOnlySpan<MovingAllocation> moved = parts.Allocations;
        ulong* names = stackalloc ulong[2 * MigrationParts.Most];
        int count = 0;
        foreach (ref readonly PageIsolation isolation in isolated)
        {
            names[count++] = isolation.Id;
        }

        foreach (ref readonly MovingAllocation moving in moved)
        {
            names[count++] = moving.Cookie;
        }

        if (_vram.Find(vram, out ulong device, out ulong offset) < 0)
        {
            return -Errno.EBUSY;
        }

        var request = new PumpRequestMessage
        {
            Call = PumpCall.Join,
            A = to.Start,
            B = (uint)to.Pages | ((ulong)(uint)isolated.Length << 16) | ((ulong)(uint)moved.Length << 32),
            C = device,
            D = offset,
            E = Nanoseconds(hold),
            F = to.Cookie,
        };

        // As for a relocation: no event is settled between the books and the pages.
        lock (_settleLock)
        {
            if (!Residency.TryBeginReplace(moved, to))
            {
                return -Errno.EBUSY;
            }

            int result = AsPrompt(_pump.CallWith(request, names, count * sizeof(ulong)));
            Residency.EndReplace(moved, to, result == 0);
            if (result < 0)
            {
                return result;
            }
        }

        foreach (ref readonly PageIsolation isolation in isolated)
        {
            _staging.Return(isolation.Staging);
        }

        return 0;
    }

    public override int PlaceDevicePages(SoftwareDevice device, ulong offset, ulong size) =>
        _pump.IsConnected && !space.IsGone ? _vram.Place(_pump, device, offset, size) : -Errno.EBUSY;

    /// <remarks>A client that is cut off may still be bringing home what is there.</remarks>
    public override void RemoveDevicePages(SoftwareDevice device, ulong offset, ulong size) => _vram.Remove(device, offset, size, keepContent: !_pump.IsConnected);

    public override int Restore(ulong address, int pages)
    {
        int result = PumpLane.Broken;
        if (!space.IsGone)
        {
            result = _pump.Call(new PumpRequestMessage { Call = PumpCall.Restore, A = address, B = (ulong)pages }, out _);
        }

        if (result == PumpLane.Broken && (space.IsGone || _pump.IsBroken))
        {
            // It brings them home by itself, or has ended: here they are nobody's.
            Drop(address, address + ((ulong)pages << PageConstants.PageShift));
            result = 0;
        }

        return AsFault(result);
    }

    public override int ReadDevice(ulong address, byte* vram, void* destination, int length) => _vram.Find(vram, out ulong device, out ulong offset) < 0
        ? -Errno.EAGAIN
        : AsMoved(_pump.CallFor(new PumpRequestMessage { Call = PumpCall.Read, A = address, B = device, C = offset, D = (ulong)length }, destination, length));

    public override int WriteDevice(ulong address, byte* vram, void* source, int length) => _vram.Find(vram, out ulong device, out ulong offset) < 0
        ? -Errno.EAGAIN
        : AsMoved(_pump.CallWith(new PumpRequestMessage { Call = PumpCall.Write, A = address, B = device, C = offset }, source, length));

    public override int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old) =>
        Exchange(vram, new PumpRequestMessage { Call = PumpCall.Add, A = address, D = addend, E = (ulong)size }, out old);

    public override int CompareExchangeDevice(ulong address, byte* vram, ulong expected, ulong desired, int size, out ulong seen) => Exchange(
        vram, new PumpRequestMessage { Call = PumpCall.CompareExchange, A = address, D = expected, E = desired, F = (ulong)size }, out seen);

    public override int CompareExchange(ulong address, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        if (!_pump.IsConnected)
        {
            return -Errno.EOPNOTSUPP;
        }

        var request = new PumpRequestMessage { Call = PumpCall.ClientCompareExchange, A = address, D = expected, E = desired, F = (ulong)size };
        int result = AsFault(_pump.Call(request, out PumpValues values));
        seen = values[0];
        return ExplainExchange(result, address);
    }

    public void Dispose()
    {
        SetGone();
        _pump.Dispose();
        space.Dispose();
        _vram.Dispose();
        _staging.Dispose();
    }

    /// <inheritdoc/>
    protected override bool MayBeSplit(ulong boundary) => _boundaries.Contains(boundary);

    private static ulong Nanoseconds(TimeSpan hold) => (ulong)hold.TotalNanoseconds;

    /// <summary>The pages of a client that is gone cannot be mapped.</summary>
    private static int AsFault(int result) => result == PumpLane.Broken ? -Errno.EFAULT : result;

    /// <summary>Device pages of a client that is gone are nowhere; whoever looks again finds that out.</summary>
    private static int AsMoved(int result) => result == PumpLane.Broken ? -Errno.EAGAIN : result;

    /// <summary>Where there is no pump yet, nothing moves.</summary>
    private int AskPrompt(in PumpRequestMessage request, out PumpValues values) => AsPrompt(_pump.Call(request, out values));

    private int AsPrompt(int result) => result != PumpLane.Broken ? result : _pump.IsBroken || space.IsGone ? -Errno.EFAULT : -Errno.EBUSY;

    private int Exchange(byte* vram, PumpRequestMessage request, out ulong old)
    {
        old = 0;
        if (_vram.Find(vram, out request.B, out request.C) < 0)
        {
            return -Errno.EAGAIN;
        }

        int result = AsMoved(_pump.Call(request, out PumpValues values));
        old = values[0];
        return result;
    }

    /// <summary>Copies what was isolated out of the client's staging, as far as there is content.</summary>
    private int ReadStaging(in PageIsolation isolation, ulong staging)
    {
        int result = 0;
        for (int page = 0; page < isolation.Pages && result == 0;)
        {
            int first = page;
            while (page < isolation.Pages && isolation.IsPresent(page))
            {
                page++;
            }

            nuint offset = (nuint)first << PageConstants.PageShift;
            result = page == first ? 0 : space.Read(staging + offset, isolation.Staging + offset, (nuint)(page - first) << PageConstants.PageShift);
            page += page == first ? 1 : 0;
        }

        return result;
    }

    /// <summary>Settles device pages of a client that is gone.</summary>
    private void Drop(ulong start, ulong end)
    {
        List<DeviceMemoryAllocation> allocations = [];
        lock (_settleLock)
        {
            Residency.Collect(start, end, allocations);
            foreach (DeviceMemoryAllocation allocation in allocations)
            {
                allocation.PagesLeft(this, new DevicePagesLeft(allocation.Cookie, allocation.Start, allocation.RemainingPages, 0, Discarded: true, 0));
            }
        }
    }

    /// <summary>Without the full mode a copy by system call does not fault device pages in: bring them home and copy again.</summary>
    private bool ShouldRetry(int result, ulong address, nuint length)
    {
        if (result != -Errno.EFAULT || Mode != CpuFaultMode.UserModeOnly || length == 0 || !_pump.IsConnected)
        {
            return false;
        }

        ulong first = address & ~PageConstants.PageMask;
        ulong end = (address + length + PageConstants.PageMask) & ~PageConstants.PageMask;
        bool any = false;
        for (ulong at = first; at < end;)
        {
            // One 2 MiB block a call.
            ulong stop = Math.Min(end, (at & ~PageConstants.BlockMask) + PageConstants.BlockSize);
            any |= _pump.Call(new PumpRequestMessage { Call = PumpCall.Populate, A = at, B = (stop - at) >> PageConstants.PageShift }, out _) >= 0;
            at = stop;
        }

        return any;
    }
}
