using System.Diagnostics;

using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The reserved copy engine of a tile (xe_migrate.c, xe_svm_copy): moves system pages into VRAM. It knows system memory by bus address
/// only, so a wrong or missing I/O mapping corrupts or refuses the copy.
/// </summary>
internal sealed unsafe class CopyEngine(SoftwareDevice device, Gt gt)
{
    /// <summary>Largest piece that one job copies (MAX_PREEMPTDISABLE_TRANSFER).</summary>
    private const ulong JobLimit = 8 << 20;

    /// <summary>Copies mapped pages to consecutive VRAM; slots without an address are holes and read as zeros.</summary>
    /// <param name="addresses">One slot per 4 KiB page; a folio fills the slot of its first page.</param>
    /// <param name="vramOffset">Where the first page goes.</param>
    /// <param name="work">Takes the bytes copied.</param>
    /// <returns>0; -EFAULT when the IOMMU refused an address; -EIO by fault injection.</returns>
    public int CopyToDevice(ReadOnlySpan<DeviceAddress> addresses, ulong vramOffset, ref DmaWork work)
    {
        long begin = Stopwatch.GetTimestamp();
        byte* vram = device.VramBase + vramOffset;
        CopyRun run = default;
        ulong job = 0;
        int result = 0;
        device.Options.Faults.HoldUp(FaultPoint.SlowCopy);
        if (device.Options.Faults.Fails(FaultPoint.Copy))
        {
            result = -Errno.EIO;
            goto done;
        }

        for (int i = 0; i < addresses.Length;)
        {
            ref readonly DeviceAddress address = ref addresses[i];
            if (address.Kind == DeviceAddressKind.None)
            {
                EndJob(ref job);
                run.Flush();
                new Span<byte>(vram + ((nuint)i << PageConstants.PageShift), PageConstants.PageSize).Clear();
                i++;
                continue;
            }

            int pages = 1 << address.Order;
            for (int p = 0; p < pages; p++)
            {
                byte* source = Resolve(address.Value + ((ulong)p << PageConstants.PageShift));
                if (source is null)
                {
                    result = -Errno.EFAULT;
                    goto done;
                }

                run.Append(vram + ((nuint)(i + p) << PageConstants.PageShift), source);
            }

            job += (ulong)pages << PageConstants.PageShift;
            work.BytesCopied += (ulong)pages << PageConstants.PageShift;
            if (job >= JobLimit)
            {
                EndJob(ref job);
            }

            i += pages;
        }

    done:
        run.Flush();
        EndJob(ref job);
        gt.Statistics.AddCopyTime(CopyDirection.ToDevice, addresses.Length, Stopwatch.GetElapsedTime(begin));
        return result;
    }

    /// <summary>
    /// Copies VRAM to another device's memory, as the engine of the source does it (copy to RAM, aimed at the destination's address). Counted
    /// as a copy to system memory, as xe does.
    /// </summary>
    /// <param name="vramOffset">The first page.</param>
    /// <param name="addresses">Where each page goes.</param>
    /// <param name="work">Takes the bytes copied, by route.</param>
    /// <returns>0; -EFAULT when an address leads nowhere; -EIO by fault injection.</returns>
    public int CopyToPeer(ulong vramOffset, ReadOnlySpan<BusAddress> addresses, ref PeerWork work)
    {
        long begin = Stopwatch.GetTimestamp();
        byte* vram = device.VramBase + vramOffset;
        CopyRun run = default;
        ulong job = 0;
        device.Options.Faults.HoldUp(FaultPoint.SlowCopy);
        int result = device.Options.Faults.Fails(FaultPoint.Copy) ? -Errno.EIO : 0;
        for (int i = 0; i < addresses.Length && result == 0; i++)
        {
            result = device.Machine.Bus.Resolve(device.Port, in addresses[i], 0, write: true, out byte* destination);
            if (result == 0)
            {
                run.Append(destination, vram + ((nuint)i << PageConstants.PageShift));
                job += PageConstants.PageSize;
                work.Bytes[(int)addresses[i].Route] += PageConstants.PageSize;
            }
        }

        run.Flush();
        if (job != 0)
        {
            gt.Statistics.AddCopyJob(CopyDirection.ToSystem, job);
        }

        gt.Statistics.AddCopyTime(CopyDirection.ToSystem, addresses.Length, Stopwatch.GetElapsedTime(begin));
        return result;
    }

    /// <summary>Clears VRAM, as a new buffer object is cleared.</summary>
    public void Clear(ulong vramOffset, ulong size) => new Span<byte>(device.VramBase + vramOffset, checked((int)size)).Clear();

    private byte* Resolve(ulong busAddress)
    {
        return device.Dma.Translate(busAddress, write: false, out ulong physical) == 0
            && device.Frames.TryResolve(physical, out ResolvedFrame frame)
            ? frame.Host
            : null;
    }

    private void EndJob(ref ulong job)
    {
        if (job != 0)
        {
            gt.Statistics.AddCopyJob(CopyDirection.ToDevice, job);
            job = 0;
        }
    }

    /// <summary>Neighbouring pages with neighbouring sources are one copy.</summary>
    private struct CopyRun
    {
        private byte* _destination;
        private byte* _source;
        private nuint _length;

        public void Append(byte* destination, byte* source)
        {
            if (_length != 0 && _destination + _length == destination && _source + _length == source)
            {
                _length += PageConstants.PageSize;
                return;
            }

            Flush();
            _destination = destination;
            _source = source;
            _length = PageConstants.PageSize;
        }

        public void Flush()
        {
            if (_length != 0)
            {
                Buffer.MemoryCopy(_source, _destination, _length, _length);
                _length = 0;
            }
        }
    }
}
