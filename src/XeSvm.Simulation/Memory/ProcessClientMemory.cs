using System.Text;

using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Memory;

/// <summary>This process as the client, with userfaultfd: device pages really leave the CPU's page table.</summary>
internal sealed unsafe class ProcessClientMemory(CpuFaultPump owner, xesvm_pump* pump, CpuFaultMode mode, string reason) : ClientMemory
{
    private const int PresentWords = PageConstants.BlockPages / 64;

    public override CpuFaultMode Mode { get; } = mode;

    public override string ModeReason { get; } = reason;

    public override void Settle() => owner.Settle();

    public override void FormatCounters(StringBuilder text)
    {
        xesvm_pump_counters counters;
        if (NativeMethods.xesvm_pump_read_counters(pump, &counters) >= 0)
        {
            PumpAccounts.Format(counters, text);
        }
    }

    public override int Read(ulong address, void* destination, nuint length)
    {
        int result = NativeMethods.xesvm_client_read(address, destination, length);
        return ShouldRetry(result, address, length) ? NativeMethods.xesvm_client_read(address, destination, length) : result;
    }

    public override int Write(ulong address, void* source, nuint length)
    {
        int result = NativeMethods.xesvm_client_write(address, source, length);
        return ShouldRetry(result, address, length) ? NativeMethods.xesvm_client_write(address, source, length) : result;
    }

    public override int Add(ulong address, int addend)
    {
        int result = NativeMethods.xesvm_client_add32(address, addend);
        return ShouldRetry(result, address, sizeof(int)) ? NativeMethods.xesvm_client_add32(address, addend) : result;
    }

    public override int FindVma(ulong address, out ClientVma vma) => ProcessMappings.Find(address, out vma);

    public override bool IsPopulated(ulong address, int pages) => ProcessMappings.IsPopulated(this, address, pages);

    public override int Populate(ulong address, int pages, bool write)
    {
        RecordMappings(address, address + ((ulong)pages << PageConstants.PageShift));
        return NativeMethods.xesvm_pump_populate(pump, address, (uint)pages, write ? 1u : 0);
    }

    public override int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation)
    {
        xesvm_isolation native;
        int result = NativeMethods.xesvm_pump_isolate_held(pump, address, (uint)pages, HoldUntil(hold), &native);
        isolation = default;
        if (result >= 0)
        {
            isolation.Id = native.id;
            isolation.Address = address;
            isolation.Pages = pages;
            isolation.Staging = (byte*)native.staging;
            for (int word = 0; word < PresentWords; word++)
            {
                isolation.SetPresent(word, native.present[word]);
            }
        }

        return result;
    }

    public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold)
    {
        ulong until = HoldUntil(hold);
        return NativeMethods.xesvm_pump_commit_held(pump, isolation.Id, (ulong)vram, allocation, until);
    }

    public override int Abort(in PageIsolation isolation) => NativeMethods.xesvm_pump_abort(pump, isolation.Id);

    public override int BeginRelocation(Pagemap.DeviceMemoryAllocation from, byte* vram) =>
        NativeMethods.xesvm_pump_relocate_begin(pump, from.Start, (uint)from.Pages, (ulong)vram, from.Cookie);

    public override int EndRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        // No event is settled between the two: what has left the new place finds its allocation, and what had left the old one the old one.
        lock (owner.SettleLock)
        {
            int result = NativeMethods.xesvm_pump_relocate_end(pump, to.Start, cookie, (ulong)vram, to.Cookie, HoldUntil(hold));
            if (result == 0)
            {
                Residency.EndMove(from, cookie, to);
            }

            return result;
        }
    }

    public override void AbortRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, ulong start)
    {
        // That pages have left meanwhile is no error here: they are where they should be.
        _ = NativeMethods.xesvm_pump_relocate_end(pump, start, cookie, 0, 0, 0);
        Residency.EndMove(from, cookie, null);
    }

    public override bool CanJoin => true;

    public override int Join(MigrationParts parts, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        ReadOnlySpan<PageIsolation> isolated = parts.Isolations;
        ulong* isolations = stackalloc ulong[MigrationParts.Most];
        ulong* allocations = stackalloc ulong[MigrationParts.Most];
        for (int i = 0; i < isolated.Length; i++)
        {
            isolations[i] = isolated[i].Id;
        }

        ReadOnlySpan<MovingAllocation> moved = parts.Allocations;
        for (int i = 0; i < moved.Length; i++)
        {
            allocations[i] = moved[i].Cookie;
        }

        // As for a relocation: no event is settled between the books and the pages.
        lock (owner.SettleLock)
        {
            if (!Residency.TryBeginReplace(moved, to))
            {
                return -Errno.EBUSY;
            }

            int result = NativeMethods.xesvm_pump_join(
                pump, to.Start, (uint)to.Pages, isolations, (uint)isolated.Length, allocations, (uint)moved.Length, (ulong)vram, to.Cookie, HoldUntil(hold));
            Residency.EndReplace(moved, to, result == 0);
            return result;
        }
    }

    public override int Restore(ulong address, int pages) => NativeMethods.xesvm_pump_restore(pump, address, (uint)pages);

    public override int ReadDevice(ulong address, byte* vram, void* destination, int length) =>
        NativeMethods.xesvm_pump_device_read(pump, address, (ulong)vram, destination, (uint)length);

    public override int WriteDevice(ulong address, byte* vram, void* source, int length) =>
        NativeMethods.xesvm_pump_device_write(pump, address, (ulong)vram, source, (uint)length);

    public override int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old)
    {
        fixed (ulong* result = &old)
        {
            return NativeMethods.xesvm_pump_device_add(pump, address, (ulong)vram, addend, (uint)size, result);
        }
    }

    public override int CompareExchangeDevice(ulong address, byte* vram, ulong expected, ulong desired, int size, out ulong seen)
    {
        fixed (ulong* result = &seen)
        {
            return NativeMethods.xesvm_pump_device_compare_exchange(pump, address, (ulong)vram, expected, desired, (uint)size, result);
        }
    }

    /// <inheritdoc/>
    public override int CompareExchange(ulong address, ulong expected, ulong desired, int size, out ulong seen)
    {
        fixed (ulong* old = &seen)
        {
            *old = 0;
            return ExplainExchange(NativeMethods.xesvm_pump_client_compare_exchange(pump, address, expected, desired, (uint)size, old), address);
        }
    }

    private static ulong HoldUntil(TimeSpan hold) =>
        hold == TimeSpan.Zero ? 0 : (ulong)(NativeMethods.xesvm_clock_monotonic_ns() + (long)hold.TotalNanoseconds);

    /// <summary>Without the full mode a copy by system call does not fault device pages in: bring them home and copy again.</summary>
    private bool ShouldRetry(int result, ulong address, nuint length)
    {
        if (result != -Errno.EFAULT || Mode != CpuFaultMode.UserModeOnly || length == 0)
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
            any |= NativeMethods.xesvm_pump_populate(pump, at, (uint)((stop - at) >> PageConstants.PageShift), 0) >= 0;
            at = stop;
        }

        return any;
    }
}
