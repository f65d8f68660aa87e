/* SPDX-License-Identifier: MIT */
/*
 * The segment's format, field by field: other builds and other versions read and write the same files. A line
 * here never changes; a new field takes reserved room, or the end of the header, and gets a line. Sizes are
 * pinned in layout.h. Compiles to nothing.
 */
#include "segment/layout.h"

#define WI_IS_AT(type, field, offset)                                                              \
    _Static_assert(offsetof(struct type, field) == (offset), "a field of the file has moved")

/* clang-format off */
WI_IS_AT(weir_slot_head, state, 0);
WI_IS_AT(weir_slot_head, generation, 4);
WI_IS_AT(weir_slot_head, id, 8);
WI_IS_AT(weir_slot_head, kind, 12);
WI_IS_AT(weir_slot_head, flags, 13);
WI_IS_AT(weir_slot_head, sampling, 14);
WI_IS_AT(weir_slot_head, flavor, 15);
WI_IS_AT(weir_slot_head, capacity, 16);
WI_IS_AT(weir_slot_head, opened_at, 24);
WI_IS_AT(weir_slot_head, name, 32);
WI_IS_AT(weir_slot_head, source, 36);
WI_IS_AT(weir_slot_head, source_line, 40);
WI_IS_AT(weir_slot_head, histogram, 44);
WI_IS_AT(weir_slot_head, retired, 52);
WI_IS_AT(weir_slot_head, more, 56);

WI_IS_AT(weir_sender, sent, 0);
WI_IS_AT(weir_sender, bytes_in, 8);
WI_IS_AT(weir_sender, self, 16);
WI_IS_AT(weir_sender, channel, 24);
WI_IS_AT(weir_sender, channel_generation, 28);
WI_IS_AT(weir_sender, label, 32);

WI_IS_AT(weir_histogram, bucket, 0);
WI_IS_AT(weir_histogram, sum, 880);
WI_IS_AT(weir_histogram, max, 888);

WI_IS_AT(wi_slot, head, 0);
WI_IS_AT(wi_slot, in.shared, 64);
WI_IS_AT(wi_slot, in.rejects, 88);
WI_IS_AT(wi_slot, in.other, 120);
WI_IS_AT(wi_slot, out.shared, 128);
WI_IS_AT(wi_slot, out.discarded, 152);
WI_IS_AT(wi_slot, out.other, 176);
WI_IS_AT(wi_slot, out.has_senders, 184);

WI_IS_AT(wi_slot_more, label, 0);
WI_IS_AT(wi_slot_more, party, 66);
WI_IS_AT(wi_slot_more, unit, 96);
WI_IS_AT(wi_slot_more, help, 100);

WI_IS_AT(wi_block, state, 0);
WI_IS_AT(wi_block, generation, 4);
WI_IS_AT(wi_block, next, 8);

WI_IS_AT(wi_sender, in, 0);
WI_IS_AT(wi_sender, out.block, 64);
WI_IS_AT(wi_sender, out.left, 80);
WI_IS_AT(wi_sender, out.bytes_out, 88);
WI_IS_AT(wi_sender, out.opened_at, 96);
WI_IS_AT(wi_sender, out.away_at, 104);

WI_IS_AT(wi_task_instance, run.polls, 0);
WI_IS_AT(wi_task_instance, run.busy, 8);
WI_IS_AT(wi_task_instance, run.scheduled, 16);
WI_IS_AT(wi_task_instance, run.idle, 24);
WI_IS_AT(wi_task_instance, run.began, 32);
WI_IS_AT(wi_task_instance, run.rested, 40);
WI_IS_AT(wi_task_instance, run.waits_for, 48);
WI_IS_AT(wi_task_instance, run.shard, 56);
WI_IS_AT(wi_task_instance, wake.wakes, 64);
WI_IS_AT(wi_task_instance, wake.self_wakes, 72);
WI_IS_AT(wi_task_instance, wake.woken, 80);
WI_IS_AT(wi_task_instance, self.block, 128);
WI_IS_AT(wi_task_instance, self.kind, 144);
WI_IS_AT(wi_task_instance, self.kind_generation, 148);
WI_IS_AT(wi_task_instance, self.histogram, 152);
WI_IS_AT(wi_task_instance, self.opened_at, 160);
WI_IS_AT(wi_task_instance, self.spawned, 168);
WI_IS_AT(wi_task_instance, self.done, 176);
WI_IS_AT(wi_task_instance, label, 192);

WI_IS_AT(wi_table, slabs, 0);
WI_IS_AT(wi_table, max_slabs, 4);
WI_IS_AT(wi_table, slab_blocks, 8);
WI_IS_AT(wi_table, block_bytes, 12);
WI_IS_AT(wi_table, n_slabs, 16);
WI_IS_AT(wi_table, n_blocks, 20);

WI_IS_AT(wi_retired_totals, stamp, 0);
WI_IS_AT(wi_retired_totals, check, 8);
WI_IS_AT(wi_retired_totals, word, 16);

WI_IS_AT(wi_retired_waits, stamp, 0);
WI_IS_AT(wi_retired_waits, check, 8);
WI_IS_AT(wi_retired_waits, octave, 16);
WI_IS_AT(wi_retired_waits, sum, 248);

WI_IS_AT(wi_retired, kind, 0);
WI_IS_AT(wi_retired, name, 4);
WI_IS_AT(wi_retired, waits, 8);
WI_IS_AT(wi_retired, totals, 64);

WI_IS_AT(wi_shard, state, 0);
WI_IS_AT(wi_shard, n_chunks, 4);
WI_IS_AT(wi_shard, index, 8);
WI_IS_AT(wi_shard, tid, 12);
WI_IS_AT(wi_shard, claims, 16);
WI_IS_AT(wi_shard, member, 24);

WI_IS_AT(wi_member, owner, 0);
WI_IS_AT(wi_member, claims, 8);
WI_IS_AT(wi_member, next, 16);
WI_IS_AT(wi_member, end, 20);

WI_IS_AT(wi_header, magic, 0);
WI_IS_AT(wi_header, layout, 8);
WI_IS_AT(wi_header, header_bytes, 12);
WI_IS_AT(wi_header, slot_bytes, 16);
WI_IS_AT(wi_header, cell_bytes, 20);
WI_IS_AT(wi_header, histogram_bytes, 24);
WI_IS_AT(wi_header, max_shards, 28);
WI_IS_AT(wi_header, max_slabs, 32);
WI_IS_AT(wi_header, shards, 36);
WI_IS_AT(wi_header, slabs, 40);
WI_IS_AT(wi_header, pid, 44);
WI_IS_AT(wi_header, uid, 48);
WI_IS_AT(wi_header, is_taken_over, 52);
WI_IS_AT(wi_header, start_ticks, 56);
WI_IS_AT(wi_header, pid_namespace, 64);
WI_IS_AT(wi_header, started_unix_nanos, 72);
WI_IS_AT(wi_header, opened_unix_nanos, 80);
WI_IS_AT(wi_header, limit_bytes, 88);
WI_IS_AT(wi_header, has_tsc, 96);
WI_IS_AT(wi_header, max_instances, 100);
WI_IS_AT(wi_header, name, 104);
WI_IS_AT(wi_header, program, 232);
WI_IS_AT(wi_header, version, 488);
WI_IS_AT(wi_header, reserved_bytes, 520);
WI_IS_AT(wi_header, used_bytes, 528);
WI_IS_AT(wi_header, n_slabs, 536);
WI_IS_AT(wi_header, n_slots, 540);
WI_IS_AT(wi_header, n_shards, 544);
WI_IS_AT(wi_header, n_handles, 548);
WI_IS_AT(wi_header, handles_refused, 552);
WI_IS_AT(wi_header, cells_refused, 560);
WI_IS_AT(wi_header, samples_lost, 568);
WI_IS_AT(wi_header, senders_refused, 576);
WI_IS_AT(wi_header, instances_refused, 584);
WI_IS_AT(wi_header, multiplier, 592);
WI_IS_AT(wi_header, tables, 600);
WI_IS_AT(wi_header, id, 648);
WI_IS_AT(wi_header, has_ended, 652);
WI_IS_AT(wi_header, has_children, 656);
WI_IS_AT(wi_header, n_retired, 660);
WI_IS_AT(wi_header, retired_slabs, 664);
WI_IS_AT(wi_header, retired_log, 924);
WI_IS_AT(wi_header, n_folds, 936);
WI_IS_AT(wi_header, broken, 944);
WI_IS_AT(wi_header, broken_at, 952);
WI_IS_AT(wi_header, thread_shards, 1008);
WI_IS_AT(wi_header, cpu_shards, 1012);
WI_IS_AT(wi_header, threads_without, 1016);
WI_IS_AT(wi_header, calls_refused, 1024);
WI_IS_AT(wi_header, calls_mixed, 1032);
WI_IS_AT(wi_header, objects, 1040);
WI_IS_AT(wi_header, layouts, 1064);
WI_IS_AT(wi_header, n_layouts, 1068);
WI_IS_AT(wi_header, objects_refused, 1072);
WI_IS_AT(wi_header, members, 1080);

WI_IS_AT(weir_field, offset, 0);
WI_IS_AT(weir_field, width, 4);
WI_IS_AT(weir_field, kind, 5);
WI_IS_AT(weir_field, limit, 8);

WI_IS_AT(wi_object, life, 0);
WI_IS_AT(wi_object, channel, 8);
WI_IS_AT(wi_object, channel_generation, 12);
WI_IS_AT(wi_object, address, 16);
WI_IS_AT(wi_object, check, 24);
WI_IS_AT(wi_object, label, 32);

WI_IS_AT(wi_layout_row, object_bytes, 0);
WI_IS_AT(wi_layout_row, n_fields, 4);
WI_IS_AT(wi_layout_row, fields, 8);
