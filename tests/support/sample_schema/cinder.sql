-- Cinder marks a deleted row with deleted = 1.
CREATE TABLE volumes (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted tinyint(1) DEFAULT NULL,
  id varchar(36) NOT NULL,
  user_id varchar(255) DEFAULT NULL,
  project_id varchar(255) DEFAULT NULL,
  host varchar(255) DEFAULT NULL,
  size int(11) DEFAULT NULL,
  availability_zone varchar(255) DEFAULT NULL,
  status varchar(255) DEFAULT NULL,
  attach_status varchar(255) DEFAULT NULL,
  display_name varchar(255) DEFAULT NULL,
  display_description varchar(255) DEFAULT NULL,
  provider_location varchar(256) DEFAULT NULL,
  volume_type_id varchar(36) DEFAULT NULL,
  source_volid varchar(36) DEFAULT NULL,
  bootable tinyint(1) DEFAULT NULL,
  multiattach tinyint(1) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY volumes_deleted_project_id_idx (deleted, project_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE volume_attachment (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted tinyint(1) DEFAULT NULL,
  id varchar(36) NOT NULL,
  volume_id varchar(36) NOT NULL,
  attached_host varchar(255) DEFAULT NULL,
  instance_uuid varchar(36) DEFAULT NULL,
  mountpoint varchar(255) DEFAULT NULL,
  attach_time datetime DEFAULT NULL,
  detach_time datetime DEFAULT NULL,
  attach_mode varchar(36) DEFAULT NULL,
  attach_status varchar(255) DEFAULT NULL,
  connection_info text DEFAULT NULL,
  PRIMARY KEY (id),
  KEY volume_attachment_volume_id_idx (volume_id),
  CONSTRAINT volume_attachment_ibfk_1 FOREIGN KEY (volume_id) REFERENCES volumes (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE volume_metadata (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted tinyint(1) DEFAULT NULL,
  id int(11) NOT NULL AUTO_INCREMENT,
  volume_id varchar(36) NOT NULL,
  `key` varchar(255) DEFAULT NULL,
  value varchar(255) DEFAULT NULL,
  PRIMARY KEY (id),
  KEY volume_metadata_volume_id_idx (volume_id),
  CONSTRAINT volume_metadata_ibfk_1 FOREIGN KEY (volume_id) REFERENCES volumes (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;

CREATE TABLE volume_admin_metadata (
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted tinyint(1) DEFAULT NULL,
  volume_id varchar(36) NOT NULL,
  `key` varchar(100) NOT NULL,
  value varchar(255) DEFAULT NULL,
  PRIMARY KEY (volume_id, `key`),
  CONSTRAINT volume_admin_metadata_ibfk_1 FOREIGN KEY (volume_id) REFERENCES volumes (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;
