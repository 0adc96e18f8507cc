"""Layout of the structures: sizes and offsets that a compiler gives on x86-64 Linux (pysctpsock.structs)."""
import ctypes
import socket

import pytest

from pysctpsock import structs

LAYOUT = [  # structure, its size, member@offset
    ("sctp_initmsg", 8,
     "sinit_num_ostreams@0 sinit_max_instreams@2 sinit_max_attempts@4 sinit_max_init_timeo@6"),
    ("sctp_sndrcvinfo", 32,
     "sinfo_stream@0 sinfo_ssn@2 sinfo_flags@4 sinfo_ppid@8 sinfo_context@12 "
     "sinfo_timetolive@16 sinfo_tsn@20 sinfo_cumtsn@24 sinfo_assoc_id@28"),
    ("sctp_sndinfo", 16,
     "snd_sid@0 snd_flags@2 snd_ppid@4 snd_context@8 snd_assoc_id@12"),
    ("sctp_rcvinfo", 28,
     "rcv_sid@0 rcv_ssn@2 rcv_flags@4 rcv_ppid@8 rcv_tsn@12 rcv_cumtsn@16 rcv_context@20 "
     "rcv_assoc_id@24"),
    ("sctp_nxtinfo", 16,
     "nxt_sid@0 nxt_flags@2 nxt_ppid@4 nxt_length@8 nxt_assoc_id@12"),
    ("sctp_prinfo", 8, "pr_policy@0 pr_value@4"),
    ("sctp_authinfo", 2, "auth_keynumber@0"),
    ("sctp_assoc_change", 20,
     "sac_type@0 sac_flags@2 sac_length@4 sac_state@8 sac_error@10 sac_outbound_streams@12 "
     "sac_inbound_streams@14 sac_assoc_id@16"),
    ("sctp_paddr_change", 148,
     "spc_type@0 spc_flags@2 spc_length@4 spc_aaddr@8 spc_state@136 spc_error@140 "
     "spc_assoc_id@144"),
    ("sctp_remote_error", 16,
     "sre_type@0 sre_flags@2 sre_length@4 sre_error@8 sre_assoc_id@12"),
    ("sctp_send_failed", 48,
     "ssf_type@0 ssf_flags@2 ssf_length@4 ssf_error@8 ssf_info@12 ssf_assoc_id@44"),
    ("sctp_send_failed_event", 32,
     "ssf_type@0 ssf_flags@2 ssf_length@4 ssf_error@8 ssfe_info@12 ssf_assoc_id@28"),
    ("sctp_shutdown_event", 12, "sse_type@0 sse_flags@2 sse_length@4 sse_assoc_id@8"),
    ("sctp_adaptation_event", 16,
     "sai_type@0 sai_flags@2 sai_length@4 sai_adaptation_ind@8 sai_assoc_id@12"),
    ("sctp_pdapi_event", 24,
     "pdapi_type@0 pdapi_flags@2 pdapi_length@4 pdapi_indication@8 pdapi_assoc_id@12 "
     "pdapi_stream@16 pdapi_seq@20"),
    ("sctp_authkey_event", 20,
     "auth_type@0 auth_flags@2 auth_length@4 auth_keynumber@8 auth_altkeynumber@10 "
     "auth_indication@12 auth_assoc_id@16"),
    ("sctp_sender_dry_event", 12,
     "sender_dry_type@0 sender_dry_flags@2 sender_dry_length@4 sender_dry_assoc_id@8"),
    ("sctp_stream_reset_event", 12,
     "strreset_type@0 strreset_flags@2 strreset_length@4 strreset_assoc_id@8"),
    ("sctp_assoc_reset_event", 20,
     "assocreset_type@0 assocreset_flags@2 assocreset_length@4 assocreset_assoc_id@8 "
     "assocreset_local_tsn@12 assocreset_remote_tsn@16"),
    ("sctp_stream_change_event", 16,
     "strchange_type@0 strchange_flags@2 strchange_length@4 strchange_assoc_id@8 "
     "strchange_instrms@12 strchange_outstrms@14"),
    ("sctp_event_subscribe", 14,
     "sctp_data_io_event@0 sctp_association_event@1 sctp_address_event@2 "
     "sctp_send_failure_event@3 sctp_peer_error_event@4 sctp_shutdown_event@5 "
     "sctp_partial_delivery_event@6 sctp_adaptation_layer_event@7 sctp_authentication_event@8 "
     "sctp_sender_dry_event@9 sctp_stream_reset_event@10 sctp_assoc_reset_event@11 "
     "sctp_stream_change_event@12 sctp_send_failure_event_event@13"),
    ("sctp_rtoinfo", 16, "srto_assoc_id@0 srto_initial@4 srto_max@8 srto_min@12"),
    ("sctp_assocparams", 20,
     "sasoc_assoc_id@0 sasoc_asocmaxrxt@4 sasoc_number_peer_destinations@6 sasoc_peer_rwnd@8 "
     "sasoc_local_rwnd@12 sasoc_cookie_life@16"),
    ("sctp_setpeerprim", 132, "sspp_assoc_id@0 sspp_addr@4"),
    ("sctp_prim", 132, "ssp_assoc_id@0 ssp_addr@4"),
    ("sctp_setadaptation", 4, "ssb_adaptation_ind@0"),
    ("sctp_paddrparams", 156,
     "spp_assoc_id@0 spp_address@4 spp_hbinterval@132 spp_pathmaxrxt@136 spp_pathmtu@138 "
     "spp_sackdelay@142 spp_flags@146 spp_ipv6_flowlabel@150 spp_dscp@154"),
    ("sctp_authchunk", 1, "sauth_chunk@0"),
    ("sctp_hmacalgo", 4, "shmac_num_idents@0"),
    ("sctp_authkey", 8, "sca_assoc_id@0 sca_keynumber@4 sca_keylength@6"),
    ("sctp_authkeyid", 8, "scact_assoc_id@0 scact_keynumber@4"),
    ("sctp_sack_info", 12, "sack_assoc_id@0 sack_delay@4 sack_freq@8"),
    ("sctp_assoc_value", 8, "assoc_id@0 assoc_value@4"),
    ("sctp_stream_value", 8, "assoc_id@0 stream_id@4 stream_value@6"),
    ("sctp_paddrinfo", 152,
     "spinfo_assoc_id@0 spinfo_address@4 spinfo_state@132 spinfo_cwnd@136 spinfo_srtt@140 "
     "spinfo_rto@144 spinfo_mtu@148"),
    ("sctp_status", 176,
     "sstat_assoc_id@0 sstat_state@4 sstat_rwnd@8 sstat_unackdata@12 sstat_penddata@14 "
     "sstat_instrms@16 sstat_outstrms@18 sstat_fragmentation_point@20 sstat_primary@24"),
    ("sctp_authchunks", 8, "gauth_assoc_id@0 gauth_number_of_chunks@4"),
    ("sctp_assoc_ids", 4, "gaids_number_of_ids@0"),
    ("sctp_getaddrs_old", 16, "assoc_id@0 addr_num@4 addrs@8"),
    ("sctp_getaddrs", 8, "assoc_id@0 addr_num@4"),
    ("sctp_assoc_stats", 256,
     "sas_assoc_id@0 sas_obs_rto_ipaddr@8 sas_maxrto@136 sas_isacks@144 sas_osacks@152 "
     "sas_opackets@160 sas_ipackets@168 sas_rtxchunks@176 sas_outofseqtsns@184 "
     "sas_idupchunks@192 sas_gapcnt@200 sas_ouodchunks@208 sas_iuodchunks@216 "
     "sas_oodchunks@224 sas_iodchunks@232 sas_octrlchunks@240 sas_ictrlchunks@248"),
    ("sctp_paddrthlds", 144,
     "spt_assoc_id@0 spt_address@8 spt_pathmaxrxt@136 spt_pathpfthld@138"),
    ("sctp_paddrthlds_v2", 144,
     "spt_assoc_id@0 spt_address@8 spt_pathmaxrxt@136 spt_pathpfthld@138 spt_pathcpthld@140"),
    ("sctp_prstatus", 24,
     "sprstat_assoc_id@0 sprstat_sid@4 sprstat_policy@6 sprstat_abandoned_unsent@8 "
     "sprstat_abandoned_sent@16"),
    ("sctp_default_prinfo", 12, "pr_assoc_id@0 pr_value@4 pr_policy@8"),
    ("sctp_info", 368,
     "sctpi_tag@0 sctpi_state@4 sctpi_rwnd@8 sctpi_unackdata@12 sctpi_penddata@14 "
     "sctpi_instrms@16 sctpi_outstrms@18 sctpi_fragmentation_point@20 sctpi_inqueue@24 "
     "sctpi_outqueue@28 sctpi_overall_error@32 sctpi_max_burst@36 sctpi_maxseg@40 "
     "sctpi_peer_rwnd@44 sctpi_peer_tag@48 sctpi_peer_capable@52 sctpi_peer_sack@53 "
     "__reserved1@54 sctpi_isacks@56 sctpi_osacks@64 sctpi_opackets@72 sctpi_ipackets@80 "
     "sctpi_rtxchunks@88 sctpi_outofseqtsns@96 sctpi_idupchunks@104 sctpi_gapcnt@112 "
     "sctpi_ouodchunks@120 sctpi_iuodchunks@128 sctpi_oodchunks@136 sctpi_iodchunks@144 "
     "sctpi_octrlchunks@152 sctpi_ictrlchunks@160 sctpi_p_address@168 sctpi_p_state@296 "
     "sctpi_p_cwnd@300 sctpi_p_srtt@304 sctpi_p_rto@308 sctpi_p_hbinterval@312 "
     "sctpi_p_pathmaxrxt@316 sctpi_p_sackdelay@320 sctpi_p_sackfreq@324 sctpi_p_ssthresh@328 "
     "sctpi_p_partial_bytes_acked@332 sctpi_p_flight_size@336 sctpi_p_error@340 "
     "__reserved2@342 sctpi_s_autoclose@344 sctpi_s_adaptation_ind@348 sctpi_s_pd_point@352 "
     "sctpi_s_nodelay@356 sctpi_s_disable_fragments@357 sctpi_s_v4mapped@358 "
     "sctpi_s_frag_interleave@359 sctpi_s_type@360 __reserved3@364"),
    ("sctp_reset_streams", 8, "srs_assoc_id@0 srs_flags@4 srs_number_streams@6"),
    ("sctp_add_streams", 8, "sas_assoc_id@0 sas_instrms@4 sas_outstrms@6"),
    ("sctp_event", 8, "se_assoc_id@0 se_type@4 se_on@6"),
    ("sctp_udpencaps", 144, "sue_assoc_id@0 sue_address@8 sue_port@136"),
    ("sctp_probeinterval", 144, "spi_assoc_id@0 spi_address@8 spi_interval@136"),
    ("sctp_peeloff_arg_t", 8, "associd@0 sd@4"),
    ("sctp_peeloff_flags_arg_t", 12, "associd@0 sd@4 flags@8"),
    ("sctp_sendv_spa", 32,
     "sendv_flags@0 sendv_sndinfo@4 sendv_prinfo@20 sendv_authinfo@28"),
    ("sctp_recvv_rn", 44, "recvv_rcvinfo@0 recvv_nxtinfo@28"),
]


@pytest.mark.parametrize(("name", "size", "members"), LAYOUT, ids=[row[0] for row in LAYOUT])
def test_layout_is_that_of_linux(name, size, members):
    structure = getattr(structs, name)
    assert ctypes.sizeof(structure) == size
    offsets = {member: getattr(structure, member).offset for member, *_ in structure._fields_}
    wanted = {member: int(offset) for member, offset in (part.split("@") for part in members.split())}
    assert {member: offset for member, offset in offsets.items() if member != "_padding"} == wanted


def test_table_has_every_structure():
    declared = {name for name in structs.__all__ if name.startswith("sctp_")}
    assert declared - {row[0] for row in LAYOUT} == {"sctp_tlv"}


def test_keywords_repr_and_equality():
    init = structs.sctp_initmsg(sinit_num_ostreams=5, sinit_max_instreams=6)
    assert memoryview(init).cast("B").cast("H").tolist() == [5, 6, 0, 0]
    assert repr(init) == ("sctp_initmsg(sinit_num_ostreams=5, sinit_max_instreams=6, sinit_max_attempts=0, "
                          "sinit_max_init_timeo=0)")
    assert init == structs.sctp_initmsg(5, 6)
    assert init != structs.sctp_initmsg(5, 7)
    assert init != structs.sctp_assoc_value()


def test_too_many_values_are_refused():
    with pytest.raises(TypeError):
        structs.sctp_initmsg(1, 2, 3, 4, 5)


STRUCTURES = [structure for structure in vars(structs).values()
              if isinstance(structure, type) and issubclass(structure, structs.Struct)
              and structure not in (structs.Struct, structs.sockaddr_storage)]
INTEGERS = [(structure, name, kind) for structure in STRUCTURES for name, kind in structure._fields_
            if issubclass(kind, ctypes._SimpleCData)]


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda each: each.__name__)
def test_names_that_are_none_are_refused(structure):
    """A misspelt member is no new attribute: TypeError in a call, as of any function; AttributeError else."""
    with pytest.raises(TypeError, match=f"{structure.__name__} has no member 'sinit_num_ostream'"):
        structure(sinit_num_ostream=5)
    value = structure()
    with pytest.raises(AttributeError, match=f"{structure.__name__} has no member 'sinit_num_ostream'"):
        value.sinit_num_ostream = 5
    value.tail = b"open array"
    assert value.pack().endswith(b"open array")


@pytest.mark.parametrize(("structure", "name", "kind"), INTEGERS,
                         ids=lambda each: getattr(each, "__name__", each))
def test_numbers_that_do_not_fit_are_refused(structure, name, kind):
    """Nothing is cut: OverflowError, with the bounds; TypeError for what is no integer."""
    bits = 8 * ctypes.sizeof(kind)
    least, greatest = (0, (1 << bits) - 1) if kind(-1).value > 0 else (-1 << bits - 1, (1 << bits - 1) - 1)
    value = structure()
    for number in (least, greatest, 0):
        setattr(value, name, number)
        assert getattr(value, name) == number
        assert structure(**{name: number}) == value
    for number in (least - 1, greatest + 1, 1 << 64, -1 << 63):
        if least <= number <= greatest:
            continue
        with pytest.raises(OverflowError, match=rf"{name}.*{least}.*{greatest}"):
            setattr(value, name, number)
        with pytest.raises(OverflowError, match=name):
            structure(**{name: number})
    for number in (1.0, "1", None, (1, 2), b"1"):
        with pytest.raises(TypeError):
            setattr(value, name, number)
    assert getattr(value, name) == 0


@pytest.mark.parametrize("address", [("192.0.2.1", 9899), ("2001:db8::1", 7, 0, 0), ("fe80::1", 7, 5, 1)])
def test_address_round_trip(address):
    storage = structs.sockaddr_storage.of(address)
    assert ctypes.sizeof(storage) == 128
    assert storage.address == address


def test_address_bytes_are_those_of_c():
    packed = structs.pack_sockaddr(("192.0.2.1", 0x1234))
    assert packed[2:] == bytes([0x12, 0x34, 192, 0, 2, 1]) + bytes(8)
    assert int.from_bytes(packed[:2], structs._byteorder) == socket.AF_INET
    packed = structs.pack_sockaddr(("2001:db8::1", 0x1234, 0x01020304, 9))
    assert len(packed) == 28
    assert packed[2:8] == bytes([0x12, 0x34, 1, 2, 3, 4])
    assert packed[8:24] == socket.inet_pton(socket.AF_INET6, "2001:db8::1")


def test_address_lists_are_packed():
    """sctp_getaddrs.addrs: each entry is only as long as its family, nothing between."""
    addresses = [("192.0.2.1", 5), ("2001:db8::1", 5, 0, 0), ("192.0.2.2", 6)]
    packed = b"".join(structs.pack_sockaddr(address) for address in addresses)
    assert len(packed) == 16 + 28 + 16
    assert structs.unpack_sockaddrs(packed) == addresses
    assert structs.unpack_sockaddrs(packed + bytes(16), len(addresses)) == addresses
    with pytest.raises(ValueError, match="family"):
        structs.unpack_sockaddrs(packed + bytes(16))


def test_address_member_takes_a_tuple():
    info = structs.sctp_paddrinfo(spinfo_address=("192.0.2.1", 80))
    assert info.spinfo_address.address == ("192.0.2.1", 80)
    assert "spinfo_address=('192.0.2.1', 80)" in repr(info)
    info.spinfo_address = ("2001:db8::1", 81, 0, 0)
    assert info.spinfo_address.address == ("2001:db8::1", 81, 0, 0)
    with pytest.raises(ValueError, match="not an IP address"):
        info.spinfo_address = ("not an address", 1)


def test_zero_address_is_no_address():
    assert structs.sockaddr_storage().address is None
    assert structs.sockaddr_storage.of(None).address is None


def test_tail_is_kept():
    data = bytes(structs.sctp_assoc_change(sac_state=3)) + b"tail"
    change = structs.sctp_assoc_change.unpack(data)
    assert (change.sac_state, change.tail, change.pack()) == (3, b"tail", data)
    assert change != structs.sctp_assoc_change(sac_state=3)
    with pytest.raises(ValueError, match="Buffer size too small"):
        structs.sctp_assoc_change.unpack(data[:19])


def test_buffers_work_as_option_values():
    """Any socket takes them by the buffer protocol: a kernel socket here, with a structure of struct
    linger's shape."""
    value = structs.sctp_peeloff_arg_t(1, 7)
    with socket.socket() as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)
        assert kernel.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(value)
