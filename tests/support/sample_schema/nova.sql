-- The tables around instances. Nova marks a deleted row with deleted = id.
CREATE TABLE instance_system_metadata (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  instance_uuid varchar(36) NOT NULL,
  `key` varchar(255) NOT NULL,
  value varchar(255) DEFAULT NULL,
  deleted int(11) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY instance_uuid (instance_uuid),
  CONSTRAINT instance_system_metadata_ibfk_1 FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE instance_metadata (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  `key` varchar(255) DEFAULT NULL,
  value varchar(255) DEFAULT NULL,
  instance_uuid varchar(36) DEFAULT NULL,
  deleted int(11) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY instance_metadata_instance_uuid_idx (instance_uuid),
  CONSTRAINT instance_metadata_ibfk_1 FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE block_device_mapping (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  device_name varchar(255) DEFAULT NULL,
  delete_on_termination tinyint(1) DEFAULT NULL,
  snapshot_id varchar(36) DEFAULT NULL,
  volume_id varchar(36) DEFAULT NULL,
  volume_size int(11) DEFAULT NULL,
  no_device tinyint(1) DEFAULT NULL,
  connection_info mediumtext DEFAULT NULL,
  instance_uuid varchar(36) DEFAULT NULL,
  deleted int(11) DEFAULT NULL,
  source_type varchar(255) DEFAULT NULL,
  destination_type varchar(255) DEFAULT NULL,
  guest_format varchar(255) DEFAULT NULL,
  boot_index int(11) DEFAULT NULL,
  image_id varchar(36) DEFAULT NULL,
  tag varchar(255) DEFAULT NULL,
  attachment_id varchar(36) DEFAULT NULL,
  uuid varchar(36) DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uniq_block_device_mapping0uuid (uuid),
  KEY block_device_mapping_instance_uuid_idx (instance_uuid),
  CONSTRAINT block_device_mapping_instance_uuid_fkey FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE instance_faults (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  instance_uuid varchar(36) DEFAULT NULL,
  code int(11) NOT NULL,
  message varchar(255) DEFAULT NULL,
  details mediumtext DEFAULT NULL,
  host varchar(255) DEFAULT NULL,
  deleted int(11) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY instance_faults_instance_uuid_deleted_created_at_idx (instance_uuid, deleted, created_at),
  CONSTRAINT fk_instance_faults_instance_uuid FOREIGN KEY (instance_uuid) REFERENCES instances (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

-- nova-manage's own archive: excluded by configuration, never by accident.
CREATE TABLE shadow_instance_faults (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  instance_uuid varchar(36) DEFAULT NULL,
  code int(11) NOT NULL,
  message varchar(255) DEFAULT NULL,
  details mediumtext DEFAULT NULL,
  host varchar(255) DEFAULT NULL,
  deleted int(11) DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

-- A key that people type: '7', '07' and '7.0' are three labels.
CREATE TABLE server_labels (
  created_at datetime(6) DEFAULT NULL,
  deleted_at datetime(6) DEFAULT NULL,
  label varchar(191) NOT NULL,
  description text DEFAULT NULL,
  weight float DEFAULT NULL,
  cost decimal(12,4) DEFAULT NULL,
  digest varbinary(32) DEFAULT NULL,
  deleted int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (label)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Soft-deleted rows that nothing can name: has to be refused, not guessed at.
CREATE TABLE audit_events (
  deleted_at datetime DEFAULT NULL,
  message varchar(255) DEFAULT NULL,
  deleted int(11) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE migrate_version (
  repository_id varchar(250) NOT NULL,
  repository_path text DEFAULT NULL,
  version int(11) DEFAULT NULL,
  PRIMARY KEY (repository_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE VIEW deleted_instances AS SELECT id, uuid, display_name, deleted_at, deleted FROM instances WHERE deleted <> 0;
