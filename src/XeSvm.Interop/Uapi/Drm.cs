using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

/// <summary>
/// Constants of the DRM core uAPI (<c>drm/drm.h</c>) that xe clients use, with the kernel's names. Each constant has the type of the
/// field that takes it.
/// </summary>
public static partial class Drm
{
    // The parts of an ioctl number.

    /// <summary>Type byte of every DRM ioctl: the character 'd'.</summary>
    public const uint DRM_IOCTL_BASE = 0x64;

    /// <summary>First ioctl number of a driver's own table.</summary>
    public const uint DRM_COMMAND_BASE = 0x40;

    /// <summary>First ioctl number behind a driver's own table.</summary>
    public const uint DRM_COMMAND_END = 0xa0;

    // Values of drm_get_cap.capability.

    /// <summary>Whether dumb buffers for software rendering exist.</summary>
    public const ulong DRM_CAP_DUMB_BUFFER = 1;

    /// <summary>Whether the vblank ioctl takes a CRTC index above 1.</summary>
    public const ulong DRM_CAP_VBLANK_HIGH_CRTC = 2;

    /// <summary>The colour depth, in bits, to prefer for dumb buffers.</summary>
    public const ulong DRM_CAP_DUMB_PREFERRED_DEPTH = 3;

    /// <summary>Whether drawing into a shadow copy of a dumb buffer is faster.</summary>
    public const ulong DRM_CAP_DUMB_PREFER_SHADOW = 4;

    /// <summary>The <c>DRM_PRIME_CAP_*</c> bits.</summary>
    public const ulong DRM_CAP_PRIME = 5;

    /// <summary>Whether event time stamps are CLOCK_MONOTONIC.</summary>
    public const ulong DRM_CAP_TIMESTAMP_MONOTONIC = 6;

    /// <summary>Whether page flips can skip the wait for vblank.</summary>
    public const ulong DRM_CAP_ASYNC_PAGE_FLIP = 7;

    /// <summary>Width in pixels that a cursor plane takes.</summary>
    public const ulong DRM_CAP_CURSOR_WIDTH = 8;

    /// <summary>Height in pixels that a cursor plane takes.</summary>
    public const ulong DRM_CAP_CURSOR_HEIGHT = 9;

    /// <summary>Whether framebuffers take format modifiers.</summary>
    public const ulong DRM_CAP_ADDFB2_MODIFIERS = 16;

    /// <summary>Whether a page flip can name its target vblank.</summary>
    public const ulong DRM_CAP_PAGE_FLIP_TARGET = 17;

    /// <summary>Whether vblank events carry the CRTC's id.</summary>
    public const ulong DRM_CAP_CRTC_IN_VBLANK_EVENT = 18;

    /// <summary>Whether syncobjs exist.</summary>
    public const ulong DRM_CAP_SYNCOBJ = 19;

    /// <summary>Whether timeline syncobjs exist.</summary>
    public const ulong DRM_CAP_SYNCOBJ_TIMELINE = 20;

    /// <summary>Whether atomic commits can skip the wait for vblank.</summary>
    public const ulong DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP = 21;

    // Values of drm_set_client_cap.capability: what a mode-setting client understands.

    /// <summary>The client understands stereo 3D modes.</summary>
    public const ulong DRM_CLIENT_CAP_STEREO_3D = 1;

    /// <summary>The client wants to see all planes.</summary>
    public const ulong DRM_CLIENT_CAP_UNIVERSAL_PLANES = 2;

    /// <summary>The client uses atomic mode setting.</summary>
    public const ulong DRM_CLIENT_CAP_ATOMIC = 3;

    /// <summary>The client understands aspect ratios in modes.</summary>
    public const ulong DRM_CLIENT_CAP_ASPECT_RATIO = 4;

    /// <summary>The client wants to see write-back connectors.</summary>
    public const ulong DRM_CLIENT_CAP_WRITEBACK_CONNECTORS = 5;

    /// <summary>The client sets the hotspot of cursor planes.</summary>
    public const ulong DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT = 6;

    /// <summary>The client uses colour pipelines of planes.</summary>
    public const ulong DRM_CLIENT_CAP_PLANE_COLOR_PIPELINE = 7;

    // Limit of drm_set_client_name.name_len.

    /// <summary>The longest client name in bytes.</summary>
    public const ulong DRM_CLIENT_NAME_MAX_LEN = 64;

    // Request numbers of this group.

    /// <summary>Reads the driver's name and version; takes a drm_version and writes it back.</summary>
    public const uint DRM_IOCTL_VERSION = 0xc0406400;

    /// <summary>Closes a GEM handle; takes a drm_gem_close, nothing is written back.</summary>
    public const uint DRM_IOCTL_GEM_CLOSE = 0x40086409;

    /// <summary>Reads a capability; takes a drm_get_cap and writes it back.</summary>
    public const uint DRM_IOCTL_GET_CAP = 0xc010640c;

    /// <summary>Says what the client understands; takes a drm_set_client_cap, nothing is written back.</summary>
    public const uint DRM_IOCTL_SET_CLIENT_CAP = 0x4010640d;

    /// <summary>Names the client in debug output; takes a drm_set_client_name and writes it back.</summary>
    public const uint DRM_IOCTL_SET_CLIENT_NAME = 0xc01064d1;
}

/// <summary>Argument of DRM_IOCTL_VERSION: the driver's name and version.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_VERSION</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults: EFAULT
/// when a string cannot be written.
/// Each length goes in as the size of the buffer and comes back as the full length of the string, which has no terminating 0: call once
/// for the lengths, once for the strings (drm_version in drm_ioctl.c).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct drm_version
{
    /// <summary>Out: major version of the driver's interface; changes break it.</summary>
    public int version_major;

    /// <summary>Out: minor version; changes add to it.</summary>
    public int version_minor;

    /// <summary>Out: patch level.</summary>
    public int version_patchlevel;

    /// <summary>In: size of the buffer in bytes. Out: length of the name.</summary>
    public ulong name_len;

    /// <summary>Buffer for the driver's name, <c>xe</c>.</summary>
    public byte* name;

    /// <summary>In: size of the buffer in bytes. Out: length of the date.</summary>
    public ulong date_len;

    /// <summary>Buffer for the driver's date; <c>0</c> since drivers stopped carrying one.</summary>
    public byte* date;

    /// <summary>In: size of the buffer in bytes. Out: length of the description.</summary>
    public ulong desc_len;

    /// <summary>Buffer for the driver's description.</summary>
    public byte* desc;
}

/// <summary>Argument of DRM_IOCTL_GET_CAP: reads one capability of the device.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_GET_CAP</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_get_cap
{
    /// <summary>One of <c>DRM_CAP_*</c>.</summary>
    public ulong capability;

    /// <summary>Out: the capability's value.</summary>
    public ulong value;
}

/// <summary>Argument of DRM_IOCTL_SET_CLIENT_CAP: says that the client understands a mode-setting feature.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SET_CLIENT_CAP</c>. Nodes: primary only; EACCES on a render node. Permission: none beyond opening the node.
/// Blocks: no. Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_set_client_cap
{
    /// <summary>One of <c>DRM_CLIENT_CAP_*</c>.</summary>
    public ulong capability;

    /// <summary>1 to turn it on, 0 to turn it off; ATOMIC also takes 2.</summary>
    public ulong value;
}

/// <summary>Argument of DRM_IOCTL_SET_CLIENT_NAME: names the open file in debug output.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SET_CLIENT_NAME</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults:
/// EFAULT when the name cannot be read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_set_client_name
{
    /// <summary>Length of the name in bytes, at most <c>DRM_CLIENT_NAME_MAX_LEN</c>; 0 removes the name.</summary>
    public ulong name_len;

    /// <summary>User address of the name: printable ASCII without spaces, no terminating 0.</summary>
    public ulong name;
}

/// <summary>Argument of DRM_IOCTL_GEM_CLOSE: gives a GEM handle back. Mappings keep the object alive.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_GEM_CLOSE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_gem_close
{
    /// <summary>The handle; EINVAL when it does not exist.</summary>
    public uint handle;

    /// <summary>Set to 0.</summary>
    public uint pad;
}
